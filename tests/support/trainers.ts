import { readdir } from 'node:fs/promises';
import { commandLine } from '../../src/platform/process-identity.ts';
import { parentOf, processesOf } from './processes.ts';

export interface FoundTrainer {
  pid: number;
  runId: number;
  file: string;
}

/** Every trainer process of a home. Not what a trainer forks, which looks like it for a moment. */
export async function trainersOf(home: string): Promise<FoundTrainer[]> {
  const found: FoundTrainer[] = [];
  for (const { pid, command } of await processesOf(home)) {
    const [, runId, file] = /-m trainer \S*\/runs\/(\d+)\/(\S+)/.exec(command) ?? [];
    if (runId && file) found.push({ pid, runId: Number(runId), file });
  }
  const parents = await Promise.all(found.map(({ pid }) => parentOf(pid)));
  return found.filter((_, place) => !found.some(({ pid }) => pid === parents[place]));
}

/** The trainer that runs for this home. @throws Error when there is none, or more than one */
export async function trainerOf(home: string): Promise<number> {
  const trainers = await trainersOf(home);
  const [trainer] = trainers;
  if (!trainer || trainers.length > 1) throw new Error(`${trainers.length} trainers are running, not one.`);
  return trainer.pid;
}

/** The process that the trainers of a worker, or the readers of an API, are copies of; null while there is none. */
export async function warmProcessOf(parent: number): Promise<number | null> {
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !(await commandLine(pid)).includes('-m trainer.warm')) continue;
    if ((await parentOf(pid)) === parent) return pid;
  }
  return null;
}
