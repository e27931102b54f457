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
