import type { Job, RunOwner } from '../../api/types.ts';

/** What a training begins from, as it is asked for. */
export type AskedStart = NonNullable<Job['starts_from']>;

/** Where a new job or project is drafted that begins from a checkpoint of a run. */
export function forkOf({ kind, id }: RunOwner, run: number, checkpoint: number): string {
  return `/new/${kind}?from=${kind}-${id}&starts=${run}-${checkpoint}`;
}

/** What such an address says: a run of what the draft is made from, and a step; null for any other text. */
export function startIn(text: string, { kind, id }: RunOwner): AskedStart | null {
  const [, run, checkpoint] = /^([1-9]\d{0,8})-([1-9]\d{0,8})$/.exec(text) ?? [];
  if (run === undefined) return null;
  const which = { run: Number(run), checkpoint: Number(checkpoint) };
  return kind === 'job' ? { job_id: id, ...which } : { project_id: id, ...which };
}

/** In words, behind "begins from". */
export function startText(asked: AskedStart): string {
  if ('path' in asked) return asked.path;
  const owner = 'job_id' in asked ? `job ${asked.job_id}` : `project ${asked.project_id}`;
  const run = asked.run === undefined ? `the latest run of ${owner}` : `run ${asked.run} of ${owner}`;
  if (asked.checkpoint === undefined) return `the result of ${run}`;
  return `the ${asked.checkpoint === 'best' ? 'best checkpoint' : `checkpoint of step ${asked.checkpoint}`} of ${run}`;
}
