import assert from 'node:assert/strict';
import pg from 'pg';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { connection } from '../../../src/models/runs/run.ts';
import type { ApiOnly } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addRuns } from '../../support/many-rows.ts';
import { scrape, startScrapedApi } from '../../support/metrics.ts';
import { rowsRead } from '../../support/rows-read.ts';
import { addWorkers, buildRun } from '../../support/runs.ts';

const MANY = 20_000;
const ENDED_WORKERS = 5_000;
const TIMES = 15;
/** 1.6 was measured: of the runs each fifth waits, and those are counted. */
const AT_MOST = 4;

describe('GET /metrics of a service that has had many runs', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startScrapedApi(database);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const medianMs = async () => {
    const tookMs: number[] = [];
    for (let n = 0; n < TIMES; n += 1) {
      const fromMs = performance.now();
      await scrape(api.url);
      tookMs.push(performance.now() - fromMs);
    }
    return tookMs.sort((a, b) => a - b)[Math.floor(TIMES / 2)] ?? 0;
  };

  it('reads no table as a whole, and takes about as long as with few', async () => {
    // Drop the index run_events_counted, or count all runs by status, and it fails.
    const first = await buildRun(database);
    await Host.report({ name: 'nowhere', agentPid: 1, devices: ['cpu'], startedAt: new Date() });
    await addWorkers(4);
    await scrape(api.url);
    const fewMs = await medianMs();

    const client = new pg.Client(database.url);
    await client.connect();
    await addRuns(client, first.job_id ?? 0, MANY);
    // Events that are not counted, as most are, and workers that ended.
    await client.query(
      `INSERT INTO run_events (run_id, kind, data) SELECT id, 'eval', '{"loss": 1}' FROM runs, generate_series(1, 5)`,
    );
    const ended = { ...newWorker('', 'nowhere'), desired: 'stopped', status: 'stopped' } as const;
    await Worker.bulkCreate(Array.from({ length: ENDED_WORKERS }, (_, n) => ({ ...ended, id: `ended-${n}` })));
    await client.query('VACUUM (ANALYZE)');
    await client.end();

    // What has happened meanwhile is counted first, by as many scrapes as it takes.
    let counted: number | undefined;
    for (let last: number | undefined; counted === undefined || counted !== last; ) {
      last = counted;
      counted = (await scrape(api.url)).value('mtm_runs_created_total', { training_type: 'qlora' });
    }
    assert.equal(counted, MANY + 1);
    for (const table of ['runs', 'run_events', 'run_metrics', 'workers']) {
      const { read } = await rowsRead(table, () => scrape(api.url));
      assert.equal(read.scans, 0, `${table} was read as a whole`);
    }
    const { read } = await rowsRead('run_events', () => scrape(api.url));
    assert.ok(read.rows < 100, `${read.rows} events were read`);
    const manyMs = await medianMs();
    console.log(`    ${fewMs.toFixed(1)} ms with one run, ${manyMs.toFixed(1)} ms with ${MANY}`);
    assert.ok(manyMs < AT_MOST * fewMs, `${manyMs} ms of ${MANY} runs, ${fewMs} ms of one`);
    assert.equal((await connection().query('SELECT 1 FROM runs'))[0].length, MANY + 1);
  });
});
