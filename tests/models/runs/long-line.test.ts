import assert from 'node:assert/strict';
import pg from 'pg';
import { Job } from '../../../src/models/jobs/job.ts';
import { admitNext } from '../../../src/models/runs/line.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addQueuedRuns } from '../../support/queued-runs.ts';
import { rowsRead } from '../../support/rows-read.ts';
import { addWorkers, buildRun } from '../../support/runs.ts';

const LONG = 20_000;

describe('a long line of runs', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let ids: number[];

  before(async () => {
    database = await startTestDatabase();
    const first = await buildRun(database);
    await first.reload();
    const client = new pg.Client(database.url);
    await client.connect();
    ids = [first.id, ...(await addQueuedRuns(client, first.job_id ?? 0, LONG))];
    // By what the server knows of the tables it chooses how to read them.
    await client.query('VACUUM (ANALYZE)');
    await client.end();
  });
  after(() => database?.remove());

  it('lets the next ones begin without being read', async () => {
    // Before, with IN in place of ANY (ARRAY …), the whole table was read for each run that began: 0.1 s of 100,000.
    await addWorkers(4);
    const { read } = await rowsRead('runs', admitNext);
    assert.deepEqual(
      (await Run.findAll({ where: {}, order: ['id'], limit: 10 }))
        .filter((run) => run.admitted_at !== null)
        .map(({ id }) => id),
      ids.slice(0, 8),
    );
    assert.equal(read.scans, 0);
    assert.ok(read.rows < 100, `${read.rows} rows were read`);
  });

  it('loses a job without all others being read', async () => {
    // Before, without jobs_latest_run and projects_latest_run (0009-edges.ts), each run that goes had all jobs looked at for
    // whether it is their latest.
    const run = await Run.findByPk(ids[LONG / 2] ?? 0);
    const { read } = await rowsRead('jobs', () => Job.destroy({ where: { id: run?.job_id ?? 0 } }));
    assert.equal(await Run.count({ where: { id: run?.id ?? 0 } }), 0);
    assert.equal(read.scans, 0);
    assert.ok(read.rows < 100, `${read.rows} rows were read`);
    assert.equal((await connection().query('SELECT 1 FROM jobs'))[0].length, LONG);
  });
});
