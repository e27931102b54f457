import { isAbsolute, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { JobCreate } from '../api/types.ts';
import { type RunName, runNameIn } from '../runs/run-name.ts';

type AskedStart = NonNullable<JobCreate['starts_from']>;

/** A step of which there is a checkpoint, or the best one. */
export type CheckpointName = number | 'best';

/** Reads `job-1`, `project-2-run-3`, `job-1@100`, `job-1@best`, or the path of a folder, from here. @throws InvalidArgumentError */
export function startIn(text: string): AskedStart {
  const [, name = text, checkpoint] = /^(.+)@(\w+)$/.exec(text) ?? [];
  const run = runNameIn(name);
  if (run !== null) return startFrom(run, checkpoint === undefined ? undefined : checkpointIn(checkpoint));
  if (isAbsolute(text) || text.startsWith('.')) return { path: resolve(text) };
  throw new InvalidArgumentError(
    'Give job-1, project-2-run-3, one of these with @100 or @best for a checkpoint, or the path of a folder that begins with / or ./',
  );
}

export function startFrom({ kind, id, run }: RunName, checkpoint: CheckpointName | undefined): AskedStart {
  const which = { ...(run === undefined ? {} : { run }), ...(checkpoint === undefined ? {} : { checkpoint }) };
  return kind === 'job' ? { job_id: id, ...which } : { project_id: id, ...which };
}

/** @throws InvalidArgumentError */
export function checkpointIn(text: string): CheckpointName {
  if (text === 'best') return text;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give the step of a checkpoint, or best.');
}
