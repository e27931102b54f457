import type pg from 'pg';
import { addQueuedRuns } from './queued-runs.ts';
import type { ApiClient } from './service.ts';

/** Of a hundred runs so many still wait; of the others most are completed. */
const WAITING_PERCENT = 20;

/** What the page asks of the lists: how each is called, and its request. With the names that are given below. */
export const LISTS_ASKED: Record<string, string> = {
  'first page of runs': '/runs/?page=1&page_size=50&sort=-id',
  'last page of runs': '/runs/?page=100&page_size=50&sort=-id',
  'runs by name': '/runs/?page=1&page_size=50&sort=name',
  'runs with a name': '/runs/?page=1&page_size=50&name=004321',
  'runs that have ended, for the overview': '/runs/?status=ended&page_size=8',
  'runs that have not, for the overview': '/runs/?status=open&page_size=100&sort=id',
  'first page of datasets': '/datasets/?page=1&page_size=50&sort=-id',
  'last page of datasets': '/datasets/?page=200&page_size=50&sort=-id',
  'datasets by name': '/datasets/?page=1&page_size=50&sort=name',
  'datasets with a name': '/datasets/?page=1&page_size=50&name=004321',
};

/** How long the answer takes, each time of so many, in milliseconds. @throws Error unless it is 200 with at least one item */
export async function timesOfList({ call }: ApiClient, path: string, times: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const fromMs = performance.now();
    const { status, body } = await call('GET', path);
    tookMs.push(performance.now() - fromMs);
    if (status !== 200 || !Array.isArray(body.items) || body.items.length === 0)
      throw new Error(`GET ${path}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
  }
  return tookMs;
}

/** Adds copies of an uploaded dataset's row, each with a name and paths of its own. Their files are not there. */
export async function addDatasets(database: pg.Client, datasetId: number, count: number): Promise<void> {
  const columns = await columnsOf(database, 'datasets', ['id', 'name', 'file_path', 'parquet_path']);
  await database.query(
    `INSERT INTO datasets (name, file_path, parquet_path, ${columns})
     SELECT 'Support chats ' || lpad(n::text, 6, '0'), file_path || n, parquet_path || n, ${columns}
     FROM datasets, generate_series(1, $2::int) AS n WHERE id = $1`,
    [datasetId, count],
  );
  await asKnown(database, ['datasets']);
}

/** Adds copies of a job, each with one run: most have ended, in all the ways that there are, and some wait. */
export async function addRuns(database: pg.Client, jobId: number, count: number): Promise<void> {
  // At once, so that the service begins none of those that are to have ended.
  await database.query('BEGIN');
  const ids = await addQueuedRuns(database, jobId, count);
  await database.query(
    `UPDATE jobs SET name = 'Polite refusals ' || lpad(runs.number_of::text, 6, '0')
     FROM (SELECT job_id, row_number() OVER (ORDER BY id) AS number_of FROM runs WHERE id = ANY($1)) AS runs WHERE runs.job_id = jobs.id`,
    [ids],
  );
  await database.query(
    `UPDATE runs SET status = ended.status, phase = 'finished', current_step = 500, total_steps = 500, current_loss = 1.5,
       progress = CASE ended.status WHEN 'completed' THEN 100 ELSE 60 END,
       error_class = CASE ended.status WHEN 'failed' THEN 'UserError' END,
       error_message = CASE ended.status WHEN 'failed' THEN 'The base model is not on this machine.' END,
       admitted_at = now(), workflow_started_at = now(), workflow_closed_at = now(), started_at = now(), finished_at = now(), tidied_at = now()
     FROM (SELECT id, CASE id % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'completed' END AS status FROM unnest($1::int[]) AS id) AS ended
     WHERE ended.id = runs.id`,
    [ids.slice(0, Math.round((ids.length * (100 - WAITING_PERCENT)) / 100))],
  );
  await database.query('COMMIT');
  await asKnown(database, ['jobs', 'runs', 'run_events']);
}

/** As the server does by itself within a minute or two. */
async function asKnown(database: pg.Client, tables: string[]): Promise<void> {
  await database.query(`VACUUM (ANALYZE) ${tables.join(', ')}`);
}

async function columnsOf(database: pg.Client, table: string, others: string[]): Promise<string> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = $1 AND column_name <> ALL($2)`,
    [table, others],
  );
  return rows.map(({ name }) => `"${name}"`).join(', ');
}
