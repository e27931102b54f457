import assert from 'node:assert/strict';
import pg from 'pg';
import { Job } from '../../../src/models/jobs/job.ts';
import { letIntoLine } from '../../../src/models/runs/bars.ts';
import { admitNext, placesInLine, waitingPage } from '../../../src/models/runs/line.ts';
import { changeQueue } from '../../../src/models/runs/queue-change.ts';
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
    // The copies have none.
    await Run.update({ turn: 0 }, { where: { id: first.id } });
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

  // Take INCLUDE out of the indexes of 0031-queue.ts, and all of the table is read for a place.
  it('tells places and a page of it without the table being read', async () => {
    const asked = [ids[LONG / 2] ?? 0, ids[LONG / 2 + 3] ?? 0];
    const places = await rowsRead('runs', () => placesInLine(asked));
    assert.deepEqual(
      asked.map((id) => places.result.get(id)?.place),
      [LONG / 2 + 1, LONG / 2 + 4],
    );
    const page = await rowsRead('runs', () => waitingPage(20, 0));
    assert.deepEqual(page.result, { ids: ids.slice(0, 20), total: LONG + 1 });
    for (const { read } of [places, page]) {
      assert.equal(read.scans, 0);
      assert.ok(read.rows < 500, `${read.rows} rows were read`);
    }
  });

  it('takes no longer to let the next begin, to join, or to change than a line of a few', async () => {
    const change = (id: number) =>
      connection().transaction((transaction) => changeQueue(id, { front: true }, transaction));
    const works: (() => Promise<unknown>)[] = [admitNext, letIntoLine, () => change(ids[LONG - 7] ?? 0)];
    for (const work of works) {
      const { read } = await rowsRead('runs', work);
      assert.equal(read.scans, 0);
      assert.ok(read.rows < 100, `${read.rows} rows were read`);
    }
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

  // Take the columns of orderOf (src/models/runs/order.ts) out of runs_in_line and runs_that_wait, and the table is read.
  it('is shown, when it is short again, without those being read that have ended', async () => {
    const waiting = ids.slice(20, 120);
    await connection().query(
      `UPDATE runs SET status = 'cancelled', phase = 'finished', finished_at = now() WHERE NOT id = ANY($waiting::int[])`,
      { bind: { waiting } },
    );
    await connection().query('VACUUM (ANALYZE) runs');
    const asked = [waiting[50] ?? 0, waiting[53] ?? 0];
    const places = await rowsRead('runs', () => placesInLine(asked));
    assert.deepEqual(
      asked.map((id) => places.result.get(id)?.place),
      [51, 54],
    );
    const page = await rowsRead('runs', () => waitingPage(20, 0));
    assert.deepEqual(page.result, { ids: waiting.slice(0, 20), total: 100 });
    for (const { read } of [places, page]) {
      assert.equal(read.scans, 0);
      assert.ok(read.rows < 1_000, `${read.rows} rows were read`);
    }
  });
});
