import { QueryTypes } from 'sequelize';
import { connection } from './run.ts';

/** What keeps a run out of the line: a time before which it is not to begin, and another job or project that it comes after. */

const hasCompleted = (kind: 'job' | 'project', id: string) => `EXISTS (SELECT 1 FROM ${kind}s AS awaited
  JOIN runs AS other ON other.id = awaited.latest_run_id WHERE awaited.id = ${id} AND other.status = 'completed')`;

/**
 * Whether something keeps the run out of the line just now, as SQL. What it comes after has to be completed: where that failed, was
 * cancelled or is gone, the run waits until somebody decides.
 */
export function isBarred(run: string): string {
  return `(coalesce(${run}.not_before > now(), false)
    OR ${run}.after_job_id IS NOT NULL AND NOT ${hasCompleted('job', `${run}.after_job_id`)}
    OR ${run}.after_project_id IS NOT NULL AND NOT ${hasCompleted('project', `${run}.after_project_id`)})`;
}

/** Lets those runs into the line that nothing keeps out of it any more. */
export async function letIntoLine(): Promise<void> {
  await connection().query(
    `UPDATE runs SET barred = false WHERE barred AND coalesce(not_before, '-infinity') <= now() AND NOT ${isBarred('runs')}`,
    { type: QueryTypes.UPDATE },
  );
}
