import assert from 'node:assert/strict';
import { ForeignKeyConstraintError } from 'sequelize';
import { Job } from '../../src/models/jobs/job.ts';
import { keysOf, prepare, rowFromJson, rowsOf } from '../../src/models/prepared.ts';
import { Run } from '../../src/models/runs/run.ts';
import { isDatabaseAway } from '../../src/platform/postgres/database-away.ts';
import { type StoppableDatabase, startStoppableDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';

describe('a prepared statement', () => {
  let database: StoppableDatabase;
  let run: Run;
  before(async () => {
    database = await startStoppableDatabase();
    run = await buildRun(database);
  });
  after(() => database.remove());

  const ROW = prepare('SELECT to_json(runs) AS run FROM runs WHERE id = $1');

  it('gives a row as Sequelize reads it, also dates, and numbers that JSON has not', async () => {
    // Take rowFromJson out and the dates are texts, and "NaN" is one.
    await run.update({ current_loss: Number.NaN, started_at: new Date('0044-03-15T12:00:00.123Z') });
    const [found] = await rowsOf<{ run: Run }>(ROW, [run.id], null);
    assert.ok(found);
    assert.deepEqual(rowFromJson(Run, found.run), await Run.findByPk(run.id, { raw: true }));
  });

  it('sees what its transaction has written, and nobody else does', async () => {
    const count = prepare('SELECT count(*) AS n FROM jobs WHERE name = $1');
    const named = async (transaction: Parameters<typeof rowsOf>[2]) => await rowsOf(count, ['inside'], transaction);
    await database.sequelize.transaction(async (transaction) => {
      await Job.update({ name: 'inside' }, { where: { id: Number(run.job_id) }, transaction });
      assert.deepEqual(await named(transaction), [{ n: 1 }]);
      assert.deepEqual(await named(null), [{ n: 0 }]);
    });
    assert.deepEqual(await named(null), [{ n: 1 }]);
  });

  it('fails as statements of Sequelize do, with a transaction and without', async () => {
    const breaks = prepare('UPDATE jobs SET dataset_id = $1');
    await assert.rejects(rowsOf(breaks, [404], null), ForeignKeyConstraintError);
    const inTransaction = database.sequelize.transaction((transaction) => rowsOf(breaks, [404], transaction));
    await assert.rejects(inTransaction, ForeignKeyConstraintError);
    assert.deepEqual(await rowsOf(prepare('SELECT 1 AS one'), [], null), [{ one: 1 }]);
  });

  // Have keysOf give each key once and nothing more, and all seven are planned anew.
  it('is planned once, for few keys as for many', async () => {
    const find = prepare('SELECT id FROM numbers WHERE id = ANY ($1::int[])');
    const plans = prepare('SELECT generic_plans > 0 AS "isPlanned" FROM pg_prepared_statements WHERE name = $1');
    await database.sequelize.transaction(async (transaction) => {
      // Of a small table each plan costs the same.
      for (const sql of [
        'CREATE TEMPORARY TABLE numbers ON COMMIT DROP AS SELECT generate_series(1, 10000) AS id',
        'CREATE UNIQUE INDEX ON numbers (id)',
        'ANALYZE numbers',
      ])
        await database.sequelize.query(sql, { transaction });
      for (let i = 0; i < 7; i++) assert.deepEqual(await rowsOf(find, [keysOf([7])], transaction), [{ id: 7 }]);
      assert.deepEqual(await rowsOf(plans, [find.name], transaction), [{ isPlanned: true }]);
    });
    assert.deepEqual(keysOf([]), []);
  });

  it('says that the database is away, and goes on when it is there again', async () => {
    await database.stop();
    await assert.rejects(rowsOf(ROW, [run.id], null), isDatabaseAway);
    await database.start();
    assert.equal((await rowsOf(ROW, [run.id], null)).length, 1);
  });
});
