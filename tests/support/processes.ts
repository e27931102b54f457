import { readdir, readFile } from 'node:fs/promises';
import { commandLine } from '../../src/workers/process-identity.ts';

export interface FoundProcess {
  pid: number;
  command: string;
}

/** Every process, but this one, that belongs to a home: by its command line or its environment. Linux alone. */
export async function processesOf(home: string): Promise<FoundProcess[]> {
  const found: FoundProcess[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const command = await commandLine(pid);
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if ((command + environment).includes(home)) found.push({ pid, command });
  }
  return found;
}
