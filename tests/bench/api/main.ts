import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import Table from 'cli-table3';
import pg from 'pg';
import { csvRows } from '../../support/rows.ts';
import { startTestService, until } from '../../support/service.ts';
import { type Bounded, judge, round } from '../bounds.ts';
import { inTurns, type Sides } from './in-turns.ts';
import { startBareServer } from './start-bare-server.ts';

const READERS = 50;
const WRITERS = 20;
/** Whose starts are waited for, and which are read. Of what is measured there are more than are started in an hour. */
const RUNS = 100;
const WARM_UP_READS = 30_000;
const WARM_UP_CREATIONS = 5_000;
/** Of the bare server's figures. */
const READS_AT_LEAST = 0.8;
const CREATIONS_AT_LEAST = 0.5;
const P99_AT_MOST = 1.5;

/**
 * `npm run bench -- api [--rounds 7] [--seconds 4]`: GET and POST of a job beside a bare server of the same libraries on the same
 * PostgreSQL, in turns; and what became of every run.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' } },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const { service, remove } = await startTestService();
  const client = new pg.Client(service.databaseUrl);
  try {
    await client.connect();
    const dataset = await service.upload('rows.csv', csvRows(100));
    const asked = { name: 'bench', dataset_id: dataset.body.id, model_name: 'none/such' };
    const { body: job } = await service.call('POST', '/jobs/', asked);
    await until('the first job to end', async () =>
      (await service.call('GET', `/jobs/${job.id}`)).body.status === 'failed' ? true : null,
    );
    const bare = await startBareServer(client, service.databaseUrl);
    try {
      console.log(await conditions(client, rounds, seconds));
      const ours = `${service.apiUrl}/api/v1/jobs`;
      const post = {
        method: 'POST' as const,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(asked),
      };
      await sayWhatBecomesOfRuns(client, { ...post, url: ours, connections: WRITERS });
      await autocannon({ ...post, url: bare.url, amount: RUNS });
      // As it is in a service that is looked after: the first call of Temporal changed what every answer takes.
      await service.call('GET', '/health');
      const each = (url: string) => Array.from({ length: RUNS }, (_, i) => `${url}/${i + 1}`);
      const rows = { ours: each(ours), bare: each(bare.url) };
      const reads = await inTurns(rows, { connections: READERS }, { warmUp: WARM_UP_READS, rounds, seconds });
      show(`GET /jobs/{id}, ${READERS} connections`, reads);
      const creations = await inTurns(
        { ours: [ours], bare: [bare.url] },
        { ...post, connections: WRITERS },
        { warmUp: WARM_UP_CREATIONS, rounds, seconds },
      );
      show(`POST /jobs/, ${WRITERS} connections`, creations);
      judge([...compared('GET', reads, READS_AT_LEAST), ...compared('POST', creations, CREATIONS_AT_LEAST)]);
    } finally {
      bare.stop();
    }
  } finally {
    await client.end();
    await remove();
  }
}

async function conditions(client: pg.Client, rounds: number, seconds: number): Promise<string> {
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim()}), Node ${process.version}, PostgreSQL ${rows[0]?.server_version}. Medians of ${rounds} rounds of ${seconds} s each, in turns.`;
}

function show(what: string, { ours, bare }: Sides): void {
  const table = new Table({ head: [what, 'requests/s', 'p50', 'p99'], style: { head: [], border: [] } });
  for (const [name, { requestsPerS, p50Ms, p99Ms }] of Object.entries({ 'the API': ours, 'bare Koa and pg': bare }))
    table.push([name, round(requestsPerS), `${round(p50Ms)} ms`, `${round(p99Ms)} ms`]);
  console.log(table.toString());
}

function compared(method: string, { ours, bare }: Sides, atLeast: number): Bounded[] {
  return [
    {
      what: `${method}, requests/s against the bare server's`,
      found: ours.requestsPerS / bare.requestsPerS,
      unit: 'x',
      atLeast,
    },
    {
      what: `${method}, p99 against the bare server's`,
      found: ours.p99Ms / bare.p99Ms,
      unit: 'x',
      atMost: P99_AT_MOST,
    },
  ];
}

/** Many jobs at once, and whether each of their runs is started, and once. */
async function sayWhatBecomesOfRuns(client: pg.Client, post: autocannon.Options): Promise<void> {
  await autocannon({ ...post, amount: RUNS });
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
}
