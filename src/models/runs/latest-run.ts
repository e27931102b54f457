import type { Attributes } from 'sequelize';
import { placesInLine } from './line.ts';
import type { Run } from './run.ts';

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
  'error_message',
  'output_path',
  'result',
  'validation',
  'started_at',
  'finished_at',
] as const satisfies (keyof Attributes<Run>)[];

/** The latest run of a job or project, as it is read with it; with its place in the line, where it is in it. */
export type ShownRun = Pick<Attributes<Run>, (typeof SHOWN_OF_RUN)[number]> & { queue_place?: number | null };

/** For `include`: the latest run, with what is shown of it. */
export const LATEST_RUN = { association: 'latestRun', attributes: [...SHOWN_OF_RUN] };

/** Gives runs that wait to be trained their places in the line. */
export async function withPlaces<R extends Pick<ShownRun, 'id' | 'status' | 'pause_reason' | 'result' | 'queue_place'>>(
  runs: R[],
): Promise<R[]> {
  const waiting = runs.filter(
    ({ status, pause_reason, result }) => ['pending', 'queued'].includes(status) && pause_reason === null && !result,
  );
  const places = await placesInLine(waiting.map(({ id }) => id));
  for (const run of waiting) run.queue_place = places.get(run.id) ?? null;
  return runs;
}

/** A job or project with its latest run; each field of that is null, or it is left out, while there is none. */
export type WithLatestRun<Owner> = Owner & { latestRun?: { [K in keyof ShownRun]: ShownRun[K] | null } };
