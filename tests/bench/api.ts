import autocannon from 'autocannon';
import pg from 'pg';
import { csvRows } from '../support/rows.ts';
import { startTestService, until } from '../support/service.ts';

const SECONDS = 10;
const WARM_UP_SECONDS = 3;

interface Figure {
  what: string;
  requestsPerS: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
}

/** GET of a job at 50 connections; POST of a job at 20, and what became of every run. */
export async function main(): Promise<void> {
  const { service, remove } = await startTestService();
  const client = new pg.Client(service.databaseUrl);
  try {
    await client.connect();
    const dataset = await service.upload('rows.csv', csvRows(100));
    const body = JSON.stringify({ name: 'bench', dataset_id: dataset.body.id, model_name: 'none/such' });
    const { body: job } = await service.call('POST', '/jobs/', JSON.parse(body));
    await until('the first job to end', async () =>
      (await service.call('GET', `/jobs/${job.id}`)).body.status === 'failed' ? true : null,
    );
    const url = `${service.apiUrl}/api/v1/jobs`;
    const get = await measure('GET /jobs/{id}, 50 connections', { url: `${url}/${job.id}`, connections: 50 });
    const headers = { 'Content-Type': 'application/json' };
    const post = await measure('POST /jobs/, 20 connections', { url, method: 'POST', headers, body, connections: 20 });
    console.table([get, post]);

    const asked = performance.now();
    const { rows } = await until(
      'every run to be started',
      async () => {
        const found = await client.query<{ runs: number; started: number; workflows: number }>(
          'SELECT count(*)::int AS runs, count(workflow_started_at)::int AS started, count(DISTINCT workflow_id)::int AS workflows FROM runs',
        );
        return found.rows[0]?.started === found.rows[0]?.runs ? found : null;
      },
      600_000,
    );
    const seconds = ((performance.now() - asked) / 1000).toFixed(1);
    const doubled = await client.query(
      `SELECT run_id FROM run_events WHERE kind = 'phase' AND data->>'phase' = 'preparing_data' GROUP BY run_id HAVING count(*) > 1`,
    );
    const [found] = rows;
    console.log(
      `${found?.runs} runs, ${found?.started} started under ${found?.workflows} workflow ids, ${doubled.rowCount} prepared twice; the last start ${seconds} s after the last request.`,
    );
  } finally {
    await client.end();
    await remove();
  }
}

/** Ten seconds of it, after some that do not count: connections open, and code is compiled, once. */
async function measure(what: string, options: autocannon.Options): Promise<Figure> {
  await autocannon({ ...options, duration: WARM_UP_SECONDS });
  const { requests, latency, non2xx, errors, timeouts } = await autocannon({ ...options, duration: SECONDS });
  const failed = non2xx + errors + timeouts;
  return { what, requestsPerS: Math.round(requests.average), p50Ms: latency.p50, p99Ms: latency.p99, failed };
}
