import type { Attributes } from 'sequelize';
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
  'error_message',
  'output_path',
  'result',
  'validation',
  'started_at',
  'finished_at',
] as const satisfies (keyof Attributes<Run>)[];

/** The latest run of a job or project, as it is read with it. */
export type ShownRun = Pick<Attributes<Run>, (typeof SHOWN_OF_RUN)[number]>;

/** For `include`: the latest run, with what is shown of it. */
export const LATEST_RUN = { association: 'latestRun', attributes: [...SHOWN_OF_RUN] };
