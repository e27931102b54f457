import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { median } from '../support/figures.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { addSteps, EVALS } from '../support/steps.ts';
import { judge } from './bounds.ts';

const POINTS = 500;
const TIMES = 20;
const TIDIED_WITHIN_MS = 900_000;

/**
 * `npm run bench -- metrics [--steps N]`: a run with 5 million steps. How long its loss curve takes, thinned to 500 points;
 * how long a request to delete it takes, how long any statement does that removes its rows behind that answer, and what
 * others wait meanwhile.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { steps: { type: 'string', default: '5000000' } } });
  const steps = Number(values.steps);
  const { service, remove } = await startTestService();
  const database = new pg.Client(service.databaseUrl);
  try {
    await database.connect();
    const { jobId, otherId, runId } = await twoEndedJobs(service, database);
    console.log(`Writing ${steps} steps…`);
    await addSteps(database, runId, { to: steps });
    // As the server does by itself within a minute or two.
    await database.query('VACUUM (ANALYZE) run_metrics');
    const curve = `/jobs/${jobId}/metrics?points=${POINTS}`;
    await service.call('GET', curve);
    const curveMs: number[] = [];
    for (let n = 0; n < TIMES; n++) curveMs.push(await timed(() => requireOk(service, 'GET', curve)));
    const { body } = await service.call('GET', curve);
    const points = (body.points as { eval_loss: number | null }[]) ?? [];

    const statements = watchStatements(service.databaseUrl);
    const deleteMs = await timed(() => requireOk(service, 'DELETE', `/jobs/${jobId}`));
    const othersMs: number[] = [];
    const began = performance.now();
    let left = steps;
    while (left > 0 && performance.now() - began < TIDIED_WITHIN_MS) {
      othersMs.push(await timed(() => requireOk(service, 'GET', `/jobs/${otherId}`)));
      await after(200);
      const { rows } = await database.query('SELECT 1 FROM deleted_runs');
      if (rows.length === 0) left = 0;
    }
    const tidiedS = left > 0 ? null : (performance.now() - began) / 1_000;
    const { rows: remain } = await database.query('SELECT 1 FROM run_metrics WHERE run_id = $1 LIMIT 1', [runId]);
    const longestMs = await statements.stop();
    judge([
      { what: 'points of the curve', found: points.length, unit: 'points', atMost: POINTS, atLeast: POINTS },
      {
        what: `held-out losses among them, of ${EVALS}`,
        found: points.filter(({ eval_loss }) => eval_loss !== null).length,
        unit: 'points',
        atLeast: EVALS,
      },
      { what: `GET ${curve}, median of ${TIMES}`, found: median(curveMs), unit: 'ms', atMost: 100 },
      { what: `GET ${curve}, worst of ${TIMES}`, found: Math.max(...curveMs), unit: 'ms', atMost: 100 },
      { what: `DELETE /jobs/${jobId}`, found: deleteMs, unit: 'ms', atMost: 1_000 },
      { what: 'until its rows were removed behind that', found: tidiedS, unit: 's', atMost: TIDIED_WITHIN_MS / 1_000 },
      { what: 'rows that stayed', found: remain.length, unit: 'rows', atMost: 0 },
      { what: 'the longest statement meanwhile', found: longestMs, unit: 'ms', atMost: 3_000 },
      { what: 'GET of another job meanwhile, median', found: median(othersMs), unit: 'ms' },
      { what: 'GET of another job meanwhile, worst', found: Math.max(...othersMs), unit: 'ms', atMost: 1_000 },
    ]);
  } finally {
    await database.end();
    await remove();
  }
}

/** Two jobs without a worker, both cancelled, so that they may be deleted. */
async function twoEndedJobs(service: TestService, database: pg.Client) {
  const dataset = await service.upload('rows.csv', csvRows(100));
  const ids: number[] = [];
  for (const name of ['of millions of steps', 'another']) {
    const job = { name, dataset_id: dataset.body.id, model_name: TINY_MODEL };
    const { status, body } = await service.call('POST', '/jobs/', job);
    if (status !== 201) throw new Error(JSON.stringify(body));
    ids.push(Number(body.id));
    await requireOk(service, 'POST', `/jobs/${body.id}/cancel`);
  }
  await until('both to be closed', async () => {
    const { rows } = await database.query(
      'SELECT 1 FROM runs WHERE workflow_started_at IS NOT NULL AND workflow_closed_at IS NULL',
    );
    return rows.length === 0 ? true : null;
  });
  const [jobId = 0, otherId = 0] = ids;
  const { rows } = await database.query<{ id: number }>('SELECT id FROM runs WHERE job_id = $1', [jobId]);
  return { jobId, otherId, runId: rows[0]?.id ?? 0 };
}

async function requireOk(service: TestService, method: string, path: string): Promise<void> {
  const { status, body } = await service.call(method, path);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const fromMs = performance.now();
  await work();
  return performance.now() - fromMs;
}

/** For how long statements of the service ran at most, as seen every 20 ms. */
function watchStatements(databaseUrl: string): { stop(): Promise<number> } {
  const ended = new AbortController();
  const watching = (async () => {
    const client = new pg.Client(databaseUrl);
    await client.connect();
    let longestMs = 0;
    while (!ended.signal.aborted) {
      const { rows } = await client.query<{ ms: number | null }>(
        `SELECT max(1000 * extract(epoch FROM clock_timestamp() - query_start))::float8 AS ms FROM pg_stat_activity
         WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()`,
      );
      longestMs = Math.max(longestMs, rows[0]?.ms ?? 0);
      await after(20);
    }
    await client.end();
    return longestMs;
  })();
  return {
    stop: async () => {
      ended.abort();
      return await watching;
    },
  };
}
