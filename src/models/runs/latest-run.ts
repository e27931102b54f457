import type { Attributes } from 'sequelize';
import type { Run } from './run.ts';
import { waitsOf } from './waits.ts';

/** What jobs and projects are read with of their latest run. Not its spec and plan, which are large and have answers of their own. */
export const SHOWN_OF_RUN = [
  'id',
  'number',
  'status',
  'phase',
  'progress',
  'current_step',
  'total_steps',
  'current_epoch',
  'current_loss',
  'tokens_per_s',
  'seconds_left',
  'worker_id',
  'pause_reason',
  'waiting_for',
  'lease_epoch',
  'priority',
  'not_before',
  'after_job_id',
  'after_project_id',
  'barred',
  'error_message',
  'output_path',
  'result',
  'validation',
  'started_at',
  'finished_at',
] as const satisfies (keyof Attributes<Run>)[];

/** The latest run of a job or project, as it is read with it; while it waits, with its place in the line, and why it waits. */
export type ShownRun = Pick<Attributes<Run>, (typeof SHOWN_OF_RUN)[number]> & {
  queue_place?: number | null;
  waits_because?: string | null;
};

/** For `include`: the latest run, with what is shown of it. */
export const LATEST_RUN = { association: 'latestRun', attributes: [...SHOWN_OF_RUN] };

/** Says of runs that wait to be trained why they do, and of those in the line their places. */
export async function withPlaces<
  R extends Parameters<typeof waitsOf>[0][number] & Pick<ShownRun, 'queue_place' | 'waits_because'>,
>(runs: R[]): Promise<R[]> {
  const waits = await waitsOf(runs);
  for (const run of runs) {
    const wait = waits.get(run.id);
    if (!wait) continue;
    run.queue_place = wait.place;
    run.waits_because = wait.because;
  }
  return runs;
}

/** A job or project with its latest run; each field of that is null, or it is left out, while there is none. */
export type WithLatestRun<Owner> = Owner & { latestRun?: { [K in keyof ShownRun]: ShownRun[K] | null } };
