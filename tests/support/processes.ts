import { readdir, readFile, readlink } from 'node:fs/promises';
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

/** Where these processes listen, as `0.0.0.0:8000` or `[::]:8000`. Linux alone. */
export async function listeningOf(pids: number[]): Promise<string[]> {
  const found = await Promise.all(pids.map(listeningOfOne));
  return [...new Set(found.flat())].sort();
}

async function listeningOfOne(pid: number): Promise<string[]> {
  const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  const lines = async (of: string) =>
    (await readFile(`/proc/${pid}/net/${of}`, 'utf8').catch(() => ''))
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
  const listening = [];
  // 0A is LISTEN.
  for (const [, local = '', , state, , , , , , inode] of [...(await lines('tcp')), ...(await lines('tcp6'))])
    if (state === '0A' && links.includes(`socket:[${inode}]`)) listening.push(addressOf(local));
  return listening;
}

/** `0100007F:1F90` is 127.0.0.1:8080: each four bytes are a number as this machine has it, the lowest first. */
function addressOf(local: string): string {
  const [address = '', port = ''] = local.split(':');
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex').reverse()]);
  const text =
    bytes.length === 4
      ? bytes.join('.')
      : `[${(Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).map((part) => Number.parseInt(part, 16).toString(16)).join(':')}]`;
  return `${text}:${Number.parseInt(port, 16)}`;
}
