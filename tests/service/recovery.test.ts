import assert from 'node:assert/strict';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import type { Env } from '../../src/platform/env.ts';
import { type RunningService, startService } from '../../src/processes/start/start.ts';
import { assertWeights, type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, testEnv, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/** Walks docs/recovery.md, step by step. */
describe('the way back', function () {
  this.timeout(480_000);
  let env: Env;
  let running: RunningService | null = null;
  let said: string[];
  let jobs: Jobs;
  let datasetId: number;
  let undisturbed: Record<string, unknown>;

  before(async () => {
    env = await testEnv();
    await putTinyModel(env, 'tiny-random');
    const { call, upload } = await start();
    datasetId = Number((await upload('rows.csv', csvRows(110))).body.id);
    jobs = jobsOf({ call, apiUrl: running?.apiUrl ?? '' }, datasetId);
    await call('POST', '/workers/', { action: 'start', worker_count: 1 });
    undisturbed = await jobs.ended(await jobs.create());
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(async () => {
    await running?.stop();
    if (env) await rm(env.home, { recursive: true, force: true });
  });

  async function start() {
    said = [];
    running = await startService(env, (line) => said.push(line));
    const client = clientOf(running.apiUrl);
    jobs = jobsOf({ ...client, apiUrl: running.apiUrl }, datasetId);
    return client;
  }

  const stop = async () => {
    await running?.stop();
    running = null;
  };

  const inHome = (...path: string[]) => join(env.home, ...path);

  it('from a backup of the database: runs go on from their files, ids are not given out again', async () => {
    const trained = await jobs.create();
    const waiting = await jobs.create({ max_steps: 4 });
    await jobs.atStep(trained, 30);
    await stop();
    await cp(inHome('postgres'), inHome('postgres-backup'), { recursive: true });

    await start();
    await jobs.act(waiting, 'pause');
    assertWeights(await jobs.ended(trained), undisturbed);
    const later = await jobs.create({ epochs: 100 });
    await jobs.atStep(later, 5);
    await stop();

    await rm(inHome('postgres'), { recursive: true });
    await cp(inHome('postgres-backup'), inHome('postgres'), { recursive: true });
    const { call } = await start();

    // Let claims begin after the row's epoch alone (claimLease, src/models/runs/lease.ts) and the trainer refuses to start.
    assertWeights(await jobs.ended(trained), undisturbed);
    const { body } = await call('GET', `/jobs/${trained}/runs`);
    assert.equal((body.items as unknown[]).length, 1);
    assert.match(
      await jobs.eventsOf(trained),
      /event: reconciled\ndata: {.*had ended as completed, and the run had not/,
    );
    const metrics = await call('GET', `/jobs/${trained}/metrics`);
    assert.equal(metrics.body.steps, undisturbed.total_steps);

    // Its pause is not in the backup. Take #lookAtRow out of src/workflows/runs/pausing.ts and nobody can resume it.
    assert.equal((await jobs.ended(waiting)).status, 'completed');

    // Take keepIdsUnique out of src/processes/start/start.ts and the new job has the id, the workflow and the folder of the lost one.
    assert.deepEqual(
      said.filter((line) => /older than the files/.test(line)),
      [
        `The database is older than the files of runs: new ids begin after ${later}.`,
        `The database is older than the files of jobs: new ids begin after ${later}.`,
      ],
    );
    assert.equal((await call('GET', `/jobs/${later}`)).status, 404);
    const next = await jobs.create({ max_steps: 4 });
    assert.equal(next, later + 1);
    assert.equal((await jobs.ended(next)).status, 'completed');

    // What was lost is told by its folder, and its workflow does not stay open.
    const about = JSON.parse(await readFile(inHome('runs', String(later), 'about.json'), 'utf8'));
    assert.equal(about.workflow_id, `job-${later}-run-1`);
    assert.equal(about.spec.hyperparameters.epochs, 100);
    const connection = await Connection.connect({ address: running?.temporalAddress ?? '' });
    const handle = new Client({ connection }).workflow.getHandle(about.workflow_id);
    // Take #endStrays out of src/processes/orchestrator/reconciler.ts and workers try it for ever.
    await until('the lost workflow to end', async () =>
      (await handle.describe()).status.name === 'RUNNING' ? null : true,
    );
    await connection.close();
  });

  it('from a lost Temporal database: every run gets a workflow again, and goes on or stays paused', async () => {
    const paused = await jobs.create({ max_steps: 4 });
    // It has a workflow by then: a run in the line is a row and nothing else.
    await jobs.reached('its workflow', paused, ({ phase }) => phase !== 'waiting');
    await jobs.act(paused, 'pause');
    await jobs.paused(paused);
    const trained = await jobs.create();
    await jobs.atStep(trained, 30);
    await stop();
    for (const suffix of ['', '-wal', '-shm']) await rm(inHome(`temporal.db${suffix}`), { force: true });
    await start();
    // Take #mendRun out of src/processes/orchestrator/reconciler.ts and both wait for ever.
    assertWeights(await jobs.ended(trained), undisturbed);
    assert.match(await jobs.eventsOf(trained), /event: reconciled\ndata: {.*Temporal does not know its workflow/);
    assert.equal((await jobs.paused(paused)).status, 'queued');
    assert.equal((await jobs.act(paused, 'resume')).status, 200);
    assert.equal((await jobs.ended(paused)).status, 'completed');
  });

  it('from a backup of a database that knows less of a run than its workflow: the stage is done again', async () => {
    // Take `remembered` out of src/workflows/runs/training.ts and it fails; let validateModel throw an error that is tried
    // again, and it is queued for ever.
    const database = new pg.Client(running?.databaseUrl);
    await database.connect();
    try {
      for (const what of ['result', 'validation'])
        await database.query(
          `CREATE SEQUENCE times_of_${what};
         CREATE FUNCTION forget_${what}() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN IF nextval('times_of_${what}') = 1 THEN NEW.${what} := NULL; END IF; RETURN NEW; END $$;
         CREATE TRIGGER forget_${what} BEFORE UPDATE ON runs FOR EACH ROW
           WHEN (OLD.${what} IS NULL AND NEW.${what} IS NOT NULL) EXECUTE FUNCTION forget_${what}()`,
        );
      assertWeights(await jobs.ended(await jobs.create()), undisturbed);
      const { rows } = await database.query(
        'SELECT (SELECT last_value::int FROM times_of_result) AS result, (SELECT last_value::int FROM times_of_validation) AS validation',
      );
      assert.deepEqual(rows, [{ result: 2, validation: 2 }]);
      for (const what of ['result', 'validation']) await database.query(`DROP FUNCTION forget_${what} CASCADE`);
    } finally {
      await database.end();
    }
  });
});
