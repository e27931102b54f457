import type pg from 'pg';

const ROWS_AT_ONCE = 5_000;

/**
 * Adds jobs that wait, by copies of one that POST /jobs/ made: what that writes (the job, its run and first event, and the run
 * as the job's latest, in a second statement), so that dead rows and indexes are as they would be.
 * @returns the ids of the runs
 */
export async function addQueuedRuns(database: pg.Client, jobId: number, count: number): Promise<number[]> {
  const { rows: columns } = await database.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'jobs' AND table_schema = 'public'
       AND column_name NOT IN ('id', 'latest_run_id')`,
  );
  const list = columns.map(({ name }) => `"${name}"`).join(', ');
  const ids: number[] = [];
  for (let left = count; left > 0; left -= ROWS_AT_ONCE) {
    const { rows } = await database.query<{ id: number }>(
      `WITH pattern AS (SELECT jobs.*, runs.spec FROM jobs JOIN runs ON runs.job_id = jobs.id WHERE jobs.id = $1),
         job AS (INSERT INTO jobs (${list}) SELECT ${list} FROM pattern, generate_series(1, $2::int) RETURNING id),
         run AS (
           INSERT INTO runs (job_id, number, spec, status, phase, workflow_id, created_at, updated_at)
           SELECT job.id, 1, jsonb_set(pattern.spec, '{output_directory}',
               to_jsonb(replace(pattern.spec->>'output_directory', 'job-' || pattern.id, 'job-' || job.id))),
             'pending', 'waiting', 'job-' || job.id || '-run-1', now(), now() FROM job, pattern ORDER BY job.id
           RETURNING id, status, phase),
         event AS (
           INSERT INTO run_events (run_id, kind, data)
           SELECT id, 'status', jsonb_build_object('status', status, 'phase', phase) FROM run)
       SELECT id FROM run`,
      [jobId, Math.min(left, ROWS_AT_ONCE)],
    );
    await database.query(
      'UPDATE jobs SET latest_run_id = runs.id FROM runs WHERE job_id = jobs.id AND latest_run_id IS NULL',
    );
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}
