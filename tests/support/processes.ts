import { readdir, readFile } from 'node:fs/promises';
import { commandLine } from '../../src/platform/process-identity.ts';

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

export async function parentOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) || null;
}

/** Whether a process is stopped, as by SIGSTOP. */
export async function standsStill(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^State:\s+T/m.test(status);
}

/** The data processes of this process. */
export async function dataProcesses(): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || (await parentOf(pid)) !== process.pid) continue;
    if ((await commandLine(pid)).includes('data-process-main')) found.push(pid);
  }
  return found;
}

/** Memory of a process that is resident now, or that was at most so far; null when there is none. */
export async function residentBytes(pid: number, when: 'now' | 'at most'): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = (when === 'now' ? /VmRSS:\s+(\d+)/ : /VmHWM:\s+(\d+)/).exec(status)?.[1];
  return kib === undefined ? null : 1024 * Number(kib);
}

/** Time of a core that a process has had so far, with its threads; null when there is none. */
export async function cpuMs(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name, in brackets, may have blanks. Behind it `state` is field 3, and utime and stime are 14 and 15, in ticks of
  // which proc(5) has 100 a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
