import { z } from 'zod';
import { timeSchema } from '../time-schema.ts';
import { NORMAL, PRIORITIES, priorityName, priorityNumber } from './order.ts';
import type { Run } from './run.ts';

const id = z.int().min(1).max(2_147_483_647);

/** What a run waits for, as it is asked for. */
export const AskedAfterSchema = z
  .union([z.strictObject({ job_id: id }), z.strictObject({ project_id: id })])
  .describe('A job or a project: the run begins once the latest run of that is completed');

/** When a run is to begin, as it is asked for. What is left out stays as it is, or is as for any other run. */
export const AskedQueueSchema = z.strictObject({
  priority: z
    .enum(PRIORITIES)
    .optional()
    .describe('It goes before all that wait with a lower one. A run that trains is not interrupted'),
  not_before: timeSchema.nullable().optional().describe('It does not begin earlier; null: at any time'),
  after: AskedAfterSchema.nullable().optional().describe('What it waits for; null: for nothing'),
});
export type AskedQueue = z.infer<typeof AskedQueueSchema>;

/** The same as the row of a run has it. */
export interface QueueChoices {
  priority: number;
  not_before: string | null;
  after_job_id: number | null;
  after_project_id: number | null;
}

export const AS_ITS_TURN_COMES: QueueChoices = {
  priority: NORMAL,
  not_before: null,
  after_job_id: null,
  after_project_id: null,
};

/** @param before what holds where nothing else is said */
export function queueChoices(asked: AskedQueue, before: QueueChoices = AS_ITS_TURN_COMES): QueueChoices {
  const { priority, not_before, after } = asked;
  return {
    priority: priority === undefined ? before.priority : priorityNumber(priority),
    // In UTC: PostgreSQL takes offsets of up to 16 hours, and ISO 8601 more.
    not_before: not_before ? new Date(not_before).toISOString() : not_before === undefined ? before.not_before : null,
    ...(after === undefined
      ? { after_job_id: before.after_job_id, after_project_id: before.after_project_id }
      : {
          after_job_id: after && 'job_id' in after ? after.job_id : null,
          after_project_id: after && 'project_id' in after ? after.project_id : null,
        }),
  };
}

/** What is asked, where one thing was asked before: null of a project of which nothing was. Times are in UTC then. */
export function askedUpon(before: AskedQueue | null, asked: AskedQueue): AskedQueue {
  const { not_before, ...both } = queueChoices(asked, queueChoices(before ?? {}));
  return shownQueue({ ...both, not_before: not_before === null ? null : new Date(not_before) });
}

/** Of a run, as it is shown. */
export function shownQueue(run: Pick<Run, 'priority' | 'not_before' | 'after_job_id' | 'after_project_id'>) {
  const { priority, not_before, after_job_id, after_project_id } = run;
  return {
    priority: priorityName(priority),
    not_before: not_before === null ? null : not_before.toISOString(),
    after:
      after_job_id !== null
        ? { job_id: after_job_id }
        : after_project_id !== null
          ? { project_id: after_project_id }
          : null,
  };
}
