import { readdir, readFile } from 'node:fs/promises';
import { commandLine } from '../../../src/platform/process-identity.ts';

/** CPU seconds by what spent them. */
export type CpuSeconds = Map<string, number>;

interface Seen {
  parent: number;
  own: number;
  /** Of children that have ended. */
  ended: number;
  command: string;
}

/** What a process is, by its command line. What a warm process has waited for are its copies, one for each training and validation. */
const ROLES: readonly [pattern: RegExp, own: string, ended: string][] = [
  [/ -m trainer\.warm /, 'warm processes', 'trainers'],
  [/ -m trainer\b/, 'trainers', 'trainers'],
  [/data-process-main/, 'data processes', 'data processes'],
  [/ worker --id/, 'workers', 'trainers'],
  [/ orchestrator$/, 'orchestrator', 'data processes'],
  [/ host$/, 'host agent', 'workers'],
  [/ api$/, 'API', 'data processes'],
  [/ start$/, 'start', 'start'],
  [/postgres/, 'PostgreSQL', 'PostgreSQL'],
  [/temporal/, 'Temporal', 'Temporal'],
];

/**
 * CPU seconds that all processes below this one have spent so far, this one left out: of each role, what its living processes have had, and what
 * their children had that have ended. Linux alone.
 */
export async function cpuSeconds(): Promise<CpuSeconds> {
  const seen = new Map<number, Seen>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    // The name, in brackets, may have blanks. Behind it `state` is field 3, `ppid` 4, and the times are 14 to 17, in ticks of which proc(5) has 100 a second.
    const [, parent, ...others] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user, system, endedUser, endedSystem] = others.slice(9, 13);
    const command = (await commandLine(pid)).trim();
    seen.set(pid, {
      parent: Number(parent),
      own: seconds(user, system),
      ended: seconds(endedUser, endedSystem),
      command,
    });
  }
  const isBelow = (pid: number): boolean => {
    const parent = seen.get(pid)?.parent;
    return parent === process.pid || (parent !== undefined && parent !== 0 && isBelow(parent));
  };
  const found: CpuSeconds = new Map();
  for (const [pid, { own, ended, command }] of seen) {
    if (!isBelow(pid)) continue;
    const [, ownRole, endedRole] = ROLES.find(([pattern]) => pattern.test(command)) ?? [/./, 'others', 'others'];
    found.set(ownRole, (found.get(ownRole) ?? 0) + own);
    found.set(endedRole, (found.get(endedRole) ?? 0) + ended);
  }
  return found;
}

function seconds(user = 0, system = 0): number {
  return (user + system) / 100;
}

/** What was spent between two looks. */
export function between(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return new Map([...after].map(([role, seconds]) => [role, seconds - (before.get(role) ?? 0)]));
}
