import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, statfs, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';
import { QueryTypes } from 'sequelize';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { DeletedRun } from '../../../src/models/runs/deleted-run.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { RunMetric } from '../../../src/models/runs/run-metric.ts';
import { Removal } from '../../../src/models/storage/removal.ts';
import type { Env } from '../../../src/platform/env.ts';
import { ifThere } from '../../../src/platform/files.ts';
import { Tidying } from '../../../src/processes/orchestrator/tidy.ts';
import { cacheDir, runPaths } from '../../../src/runs/run-paths.ts';
import { startFolder, startsDir } from '../../../src/runs/starts.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, WARN } from '../../support/log-lines.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';

const DAY_MS = 24 * 3_600_000;

describe('tidying up', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let env: Env;

  before(async () => {
    database = await startTestDatabase();
    env = { ...(await testEnv()), home: database.home, keepWorkDays: 7 };
  });
  after(() => database?.remove());
  beforeEach(async () => {
    await Run.destroy({ where: {} });
    await DeletedRun.destroy({ where: {} });
    await Removal.destroy({ where: {} });
  });

  /** One pass; the ids of runs of which it says that they could not be tidied up. */
  async function pass(): Promise<unknown[]> {
    const { logger, lines } = captureLog();
    await new Tidying(env, logger).pass();
    return lines.filter(({ level }) => level === WARN).map(({ runId }) => runId);
  }

  /** A run whose owner was deleted, with so many steps; its folder has a file. */
  async function buildDeleted(steps: number, output = join(database.home, 'outputs')): Promise<number> {
    const run = await buildRun(database);
    await connection().query(
      `INSERT INTO run_metrics (run_id, step, epoch) SELECT ${run.id}, step, 1 FROM generate_series(1, ${steps}) AS step`,
    );
    await mkdir(join(runPaths(env, run).dir, 'logs'), { recursive: true });
    await writeFile(join(runPaths(env, run).dir, 'logs', 'train.log'), 'text');
    await DeletedRun.create({ id: run.id, workflow_id: run.workflow_id, spec: { output_directory: output } });
    await run.destroy();
    return run.id;
  }

  /** Has the server count the rows of run_metrics that each statement removes from here on. */
  async function countRemovedRows(): Promise<() => Promise<number[]>> {
    await connection().query(`
      CREATE TABLE removed (seq integer GENERATED ALWAYS AS IDENTITY, n integer);
      CREATE FUNCTION count_removed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO removed (n) SELECT count(*) FROM gone; RETURN NULL; END $$;
      CREATE TRIGGER count_removed AFTER DELETE ON run_metrics REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION count_removed()`);
    return async () => {
      const sql = 'SELECT n FROM removed WHERE n > 0 ORDER BY seq';
      return (await connection().query<{ n: number }>(sql, { type: QueryTypes.SELECT })).map(({ n }) => n);
    };
  }

  it('removes what trainers kept of models that nobody trains with any more, and of weights in 4 bits those of long ago while all take too much', async () => {
    // Take the order of last use out of beyondTheirShare, its share of the disk, or either age, and another one is left.
    const cache = cacheDir(env);
    const keep = async (name: string, usedAgoDays: number, bytes = 10) => {
      const isFolder = name.startsWith('four-bits');
      if (isFolder) await mkdir(join(cache, name), { recursive: true });
      const file = isFolder ? join(cache, name, 'weights.safetensors') : join(cache, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, '');
      // Without taking the room: what is asked for is the size.
      await truncate(file, bytes);
      const usedAt = new Date(Date.now() - usedAgoDays * DAY_MS);
      await utimes(join(cache, name), usedAt, usedAt);
    };
    const { bavail, bsize } = await statfs(env.home);
    await keep('models/a.json', 31);
    await keep('models/b.json', 29);
    await keep('models/b.json.77', 2);
    await keep('four-bits/unused', 31);
    await keep('four-bits/half-made.77', 2);
    await keep('four-bits/being-made.78', 0.5);
    await keep('four-bits/earlier', 20, Math.round(0.5 * bavail * bsize));
    await keep('four-bits/later', 10);
    assert.deepEqual(await pass(), []);
    const left = await readdir(cache, { recursive: true });
    assert.deepEqual(left.filter((name) => !name.endsWith('.safetensors')).sort(), [
      'four-bits',
      'four-bits/being-made.78',
      'four-bits/later',
      'models',
      'models/b.json',
    ]);
    await rm(cache, { recursive: true });
    assert.deepEqual(await pass(), []);
  });

  it('removes figures, events and files of a deleted run, never many rows with one statement', async () => {
    // Take LIMIT out of deleteInBatches (src/activities/storage/deleted-runs.ts), and one statement removes all 45,000.
    const other = await buildRun(database);
    const id = await buildDeleted(45_000);
    const removed = await countRemovedRows();
    assert.deepEqual(await pass(), []);
    assert.deepEqual(await removed(), [20_000, 20_000, 5_000]);
    assert.equal(await RunMetric.count({ where: { run_id: id } }), 0);
    assert.equal(await RunEvent.count({ where: { run_id: id } }), 0);
    assert.equal(await ifThere(readdir(join(env.home, 'runs', String(id)))), null);
    assert.equal(await DeletedRun.count(), 0);
    assert.equal(await RunEvent.count({ where: { run_id: other.id } }), 1, 'another run keeps its own');
  });

  it('goes on with the next one where the files of a deleted run cannot be removed', async () => {
    // Take `catch` out of carryOut (src/activities/storage/remove-due.ts), and what comes after it stays.
    // A file where its output directory is expected.
    await writeFile(join(env.home, 'a-file'), '');
    const stuck = await buildDeleted(1, join(env.home, 'a-file'));
    const others = [await buildDeleted(1), await buildDeleted(1), await buildDeleted(1), await buildDeleted(1)];
    assert.deepEqual(await pass(), [stuck]);
    assert.deepEqual(
      (await DeletedRun.findAll()).map(({ id }) => id),
      [stuck],
    );
    for (const id of others) assert.equal(await ifThere(readdir(join(env.home, 'runs', String(id)))), null);
  });

  /** A completed run, with all that one leaves. */
  async function buildPublished(daysAgo: number): Promise<Run> {
    const run = await buildRun(database);
    await run.update({ spec: { ...run.spec, output_directory: join(env.home, 'outputs') } });
    await Run.update(
      { status: 'completed', phase: 'finished', finished_at: new Date(Date.now() - daysAgo * DAY_MS) },
      { where: { id: run.id } },
    );
    const paths = runPaths(env, run);
    const checkpoint = join(paths.checkpoints, 'e1', 'checkpoint-10');
    for (const file of [
      join(checkpoint, 'optimizer.pt'),
      join(paths.dir, 'tokens-abc.npz'),
      join(paths.mixture, 'mixture.json'),
      join(paths.logs, 'train.log'),
      join(paths.output, 'model.safetensors'),
    ]) {
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, 'content');
    }
    await Checkpoint.create({
      run_id: run.id,
      lease_epoch: 1,
      step: 10,
      epoch: 1,
      path: checkpoint,
      manifest_sha256: '0'.repeat(64),
      bytes: 7,
      state: 'complete',
    });
    return run;
  }
  const statesOf = async (run: Run) =>
    (await Checkpoint.findAll({ where: { run_id: run.id } })).map(({ state }) => state);
  const filesOf = async (run: Run) => (await readdir(runPaths(env, run).dir)).sort();

  it('removes checkpoints and token caches a week after the model was published, and keeps the rest', async () => {
    // Let isDue (src/activities/storage/kind.ts) ask for no age, and the second run loses its checkpoints on the first day.
    const [old, recent] = [await buildPublished(8), await buildPublished(6)];
    const before = await filesOf(recent);
    assert.deepEqual(await pass(), []);
    assert.deepEqual(await filesOf(old), ['logs', 'mixture']);
    assert.deepEqual(await filesOf(recent), before);
    assert.deepEqual([await statesOf(old), await statesOf(recent)], [['pruned'], ['complete']]);
    const { output, mixture } = runPaths(env, old);
    assert.equal(await readFile(join(output, 'model.safetensors'), 'utf8'), 'content');
    assert.equal(await readFile(join(mixture, 'mixture.json'), 'utf8'), 'content');
    assert.notEqual((await old.reload()).tidied_at, null);
    assert.equal((await recent.reload()).tidied_at, null);
  });

  it('removes what no run begins from that may still go on, once it was kept for a day', async () => {
    // Take runs that were tidied up for needed in `starts` (src/activities/storage/kept-files.ts), or forget those that were not; ask for no age, and the first pass removes two.
    const [needed, tidied, unused] = ['1', '2', '3'].map((digit) => digit.repeat(64));
    for (const sha256 of [needed, tidied, unused]) {
      await mkdir(startFolder(env, { sha256: String(sha256) }), { recursive: true });
      if (sha256 === unused) continue;
      const run = await buildRun(database);
      const start = { kind: 'adapter' as const, sha256: String(sha256), folder: '/nowhere', name: 'run 1 of job 1' };
      await run.update({ spec: { ...run.spec, start }, tidied_at: sha256 === tidied ? new Date() : null });
    }
    assert.deepEqual(await pass(), []);
    assert.deepEqual((await readdir(startsDir(env))).sort(), [needed, tidied, unused]);
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 1.1 * DAY_MS });
    try {
      assert.deepEqual(await pass(), []);
    } finally {
      mock.timers.reset();
    }
    assert.deepEqual(await readdir(startsDir(env)), [needed]);
  });

  it('goes on with the next one where the checkpoints of a published run cannot be removed', async () => {
    // Before, the run that was published first kept all others from it, for ever: the pass ended there.
    const stuck = await buildPublished(20);
    const others = [await buildPublished(9), await buildPublished(8)];
    // A file where the folder of a run is expected.
    await replaceByFile(runPaths(env, stuck).dir);
    assert.deepEqual(await pass(), [stuck.id]);
    for (const run of others) assert.deepEqual(await filesOf(run), ['logs', 'mixture']);
    assert.deepEqual(
      (await Removal.findAll({ where: { finished_at: null } })).map(({ run_id }) => run_id),
      [stuck.id],
    );
  });
});

async function replaceByFile(path: string): Promise<void> {
  await rm(path, { recursive: true });
  await writeFile(path, '');
}
