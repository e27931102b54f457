import assert from 'node:assert/strict';
import { link, lutimes, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QueryTypes } from 'sequelize';
import { currentRetention, decide, finishRemovals, removeDue } from '../../../src/activities/storage/remove-due.ts';
import { lockRun } from '../../../src/activities/storage/run-checkpoints.ts';
import { startAgain } from '../../../src/commands/runs/actions.ts';
import { changeRetention, requireAuditKept } from '../../../src/commands/storage/change-retention.ts';
import { pinRun } from '../../../src/commands/storage/pin-run.ts';
import { Export } from '../../../src/models/exports/export.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { createRun } from '../../../src/models/runs/create-run.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { TrainingConfig } from '../../../src/models/settings/training-config.ts';
import { Removal } from '../../../src/models/storage/removal.ts';
import { RETENTION, STORAGE_KINDS, type StorageKind } from '../../../src/models/storage/retention.ts';
import type { Env } from '../../../src/platform/env.ts';
import { ifThere } from '../../../src/platform/files.ts';
import { mixturesDir } from '../../../src/runs/mixture-store.ts';
import { cacheDir, runPaths } from '../../../src/runs/run-paths.ts';
import { startsDir } from '../../../src/runs/starts.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, WARN } from '../../support/log-lines.ts';
import { rowsRead } from '../../support/rows-read.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';

const DAY_MS = 24 * 3_600_000;

describe('retention', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let env: Env;

  before(async () => {
    database = await startTestDatabase();
    // A folder with nothing else in it, such as logs of a database.
    env = { ...(await testEnv()), home: join(database.home, 'service'), keepWorkDays: 7 };
    await mkdir(env.home);
  });
  after(() => database?.remove());
  beforeEach(async () => {
    await Run.destroy({ where: {} });
    await Removal.destroy({ where: {} });
    await TrainingConfig.update({ retention: {} }, { where: {} });
  });

  /** One pass. Nothing may be in its way. */
  async function pass(): Promise<void> {
    const { logger, lines } = captureLog();
    await removeDue(env, logger);
    assert.deepEqual(
      lines.filter(({ level }) => level === WARN),
      [],
    );
  }

  /** A run that ended so many days ago, with one checkpoint. */
  async function buildEnded(status: 'completed' | 'failed' | 'cancelled', daysAgo: number): Promise<Run> {
    const run = await buildRun(database);
    const why = status === 'failed' ? { error_class: 'Test', error_message: 'It failed.' } : {};
    const finished_at = new Date(Date.now() - daysAgo * DAY_MS);
    await run.update({ spec: { ...run.spec, output_directory: join(env.home, 'outputs') } });
    await Run.update({ status, phase: 'finished', finished_at, ...why }, { where: { id: run.id } });
    const path = join(runPaths(env, run).checkpoints, 'e1', 'checkpoint-10');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'model.safetensors'), 'weights');
    const row = { run_id: run.id, lease_epoch: 1, step: 10, epoch: 1, path, manifest_sha256: '0'.repeat(64), bytes: 7 };
    await Checkpoint.create({ ...row, state: 'complete' });
    return await run.reload();
  }

  const hasFiles = async (run: Run) => (await ifThere(readdir(runPaths(env, run).checkpoints))) !== null;
  const dueOf = (kind: StorageKind, thing: string) => ({
    kind,
    held: { thing, name: thing, run_id: null, bytes: null, since: new Date(0), pinned: null },
  });
  const decideNow = async (run: Run, kind: StorageKind = 'checkpoints_of_failed_runs') => {
    const retention = await currentRetention(env);
    return await connection().transaction((transaction) =>
      decide(env, dueOf(kind, String(run.id)), retention, 'policy', transaction),
    );
  };

  /** Until a session of this database waits for a lock of another one. */
  async function untilOneWaits(): Promise<void> {
    for (;;) {
      const waiting = await connection().query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        { type: QueryTypes.SELECT },
      );
      if (waiting.length > 0) return;
    }
  }

  it('keeps checkpoints of failed runs for long, and removes none that somebody needs or pinned', async () => {
    // Take any WHEN out of PINNED (src/activities/storage/run-checkpoints.ts), and that run loses its checkpoints.
    const [gone, young, pinned, ending, resumed, parent, swept] = await Promise.all([
      buildEnded('failed', 181),
      buildEnded('cancelled', 179),
      buildEnded('cancelled', 400),
      buildEnded('failed', 400),
      buildEnded('cancelled', 400),
      buildEnded('completed', 400),
      buildEnded('failed', 400),
    ]);
    await pinRun(pinned, true);
    await Run.update({ workflow_started_at: new Date() }, { where: { id: ending.id } });
    const { sequelize } = database;
    const owner = { kind: 'job', id: Number(resumed.job_id) } as const;
    await sequelize.transaction((transaction) => createRun(owner, resumed.spec, transaction, resumed));
    const fork = await buildRun(database);
    await Run.update({ starts_from_run_id: parent.id }, { where: { id: fork.id } });
    const [sweep] = await connection().query<{ id: number }>(
      `INSERT INTO sweeps (name, spec, duplicates_dropped, status) VALUES ('s', '{}', 0, 'paused') RETURNING id`,
      { type: QueryTypes.SELECT },
    );
    await Job.update({ sweep_id: Number(sweep?.id) }, { where: { id: Number(swept.job_id) } });
    await pass();
    assert.equal(await hasFiles(gone), false);
    for (const [name, run] of Object.entries({ young, pinned, ending, resumed, parent, swept }))
      assert.equal(await hasFiles(run), true, name);
    const [removal, ...others] = await Removal.findAll();
    assert.deepEqual(others, []);
    assert.equal(removal?.run_id, gone.id);
    assert.equal(removal?.bytes, 7);
    assert.equal(removal?.why, 'removed by policy checkpoints_of_failed_runs after 180 days');
    assert.notEqual(removal?.finished_at, null);
    const [checkpoint] = await Checkpoint.findAll({ where: { run_id: gone.id } });
    assert.deepEqual([checkpoint?.state, checkpoint?.removed_because], ['pruned', removal?.why]);
    // What was pinned goes when it no longer is.
    await pinRun(pinned, false);
    await pass();
    assert.equal(await hasFiles(pinned), false);
  });

  it('removes nothing of a kind that is to be kept for ever, also by MTM_KEEP_WORK_DAYS of before', async () => {
    // Let retentionOf (src/models/storage/retention.ts) take null for what was not chosen, and the checkpoints go.
    const run = await buildEnded('completed', 400);
    await changeRetention({ checkpoints_of_completed_runs: null });
    await pass();
    assert.equal(await hasFiles(run), true);
    await changeRetention({ checkpoints_of_completed_runs: 401 });
    await pass();
    assert.equal(await hasFiles(run), true);
    await changeRetention({ checkpoints_of_completed_runs: 399 });
    await pass();
    assert.equal(await hasFiles(run), false);
  });

  it('lets a pin or a removal win as a whole, whichever comes first', async () => {
    // Leave lockRun out of `look` (src/activities/storage/run-checkpoints.ts): it does not wait, and removes what is being pinned. Leave it out of pinRun, and the pin says nothing of the removal.
    const [first, second] = [await buildEnded('failed', 400), await buildEnded('failed', 400)];
    const { sequelize } = database;
    const pinning = await sequelize.transaction();
    await lockRun(first.id, pinning);
    await Run.update({ pinned: true }, { where: { id: first.id }, transaction: pinning });
    const decided = decideNow(first);
    await untilOneWaits();
    await pinning.commit();
    assert.equal(await decided, null);
    await finishRemovals(env, captureLog().logger);
    assert.equal(await hasFiles(first), true);

    const removing = await sequelize.transaction();
    const due = dueOf('checkpoints_of_failed_runs', String(second.id));
    const removal = await decide(env, due, await currentRetention(env), 'policy', removing);
    const pinned = pinRun(second, true);
    await untilOneWaits();
    await removing.commit();
    assert.equal(await pinned, removal?.why);
  });

  it('never lets a run go on from what a policy takes at the same moment: it is refused with the reason', async () => {
    // Leave requireNotRemoved out of startAgain (src/commands/runs/actions.ts), and the run is created: it would begin at step 0.
    const run = await buildEnded('cancelled', 400);
    const owner = { kind: 'job', id: Number(run.job_id) } as const;
    const removing = await database.sequelize.transaction();
    const due = dueOf('checkpoints_of_failed_runs', String(run.id));
    await decide(env, due, await currentRetention(env), 'policy', removing);
    const again = database.sequelize.transaction((transaction) =>
      startAgain(owner, { fresh: false, force: true }, env, async () => run.spec, transaction),
    );
    const refused = assert.rejects(again, (error: Error) => {
      assert.match(error.message, /removed by policy checkpoints_of_failed_runs after 180 days.*\{"fresh": true\}/);
      return true;
    });
    await untilOneWaits();
    await removing.commit();
    await refused;
  });

  it('finishes what was killed at any point, and leaves nothing half', async () => {
    // Let removeByTrash (src/platform/trash.ts) look only at the place, and what was half removed stays in the trash.
    const [untouched, moved] = [await buildEnded('failed', 400), await buildEnded('failed', 400)];
    for (const run of [untouched, moved]) assert.notEqual(await decideNow(run), null);
    const { dir, checkpoints } = runPaths(env, moved);
    await mkdir(join(dir, '.trash-work-checkpoints', 'e1'), { recursive: true });
    await writeFile(join(dir, '.trash-work-checkpoints', 'e1', 'half'), '');
    await rm(checkpoints, { recursive: true });
    // Whoever claimed it is gone.
    await connection().query("UPDATE storage_removals SET claimed_until = now() - interval '1 second'");
    await finishRemovals(env, captureLog().logger);
    for (const run of [untouched, moved]) assert.deepEqual(await readdir(runPaths(env, run).dir), []);
    assert.equal(await Removal.count({ where: { finished_at: null } }), 0);
  });

  it('takes files that nobody has, and puts back what somebody took meanwhile', async () => {
    // Leave isStillWanted out of removeByTrash (src/platform/trash.ts), and the start goes that a request is about to use; nlink out of `mixtures`, and one that a run has.
    const old = new Date(Date.now() - 40 * DAY_MS);
    const make = async (path: string) => {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, 'content');
    };
    const hash = (digit: string) => digit.repeat(64);
    await make(join(mixturesDir(env), 'aa', 'train.parquet'));
    await link(join(mixturesDir(env), 'aa', 'train.parquet'), join(env.home, 'of-a-run.parquet'));
    await make(join(mixturesDir(env), 'bb.partial', 'train.parquet'));
    await utimes(join(mixturesDir(env), 'bb.partial'), old, old);
    for (const digit of ['1', '2']) {
      await make(join(startsDir(env), hash(digit), 'config.json'));
      await utimes(join(startsDir(env), hash(digit)), old, old);
    }
    await make(join(env.home, 'logs', 'worker-1.log'));
    await make(join(env.home, 'logs', 'api.log'));
    await make(join(env.home, 'elsewhere', 'kept.json'));
    await mkdir(join(cacheDir(env), 'models'), { recursive: true });
    await symlink(join(env.home, 'elsewhere'), join(cacheDir(env), 'models', 'a-link'));
    await lutimes(join(cacheDir(env), 'models', 'a-link'), old, old);
    for (const name of ['worker-1.log', 'api.log']) await utimes(join(env.home, 'logs', name), old, old);
    const retention = await currentRetention(env);
    await connection().transaction((transaction) =>
      decide(env, dueOf('starts', `starts/${hash('2')}`), retention, 'policy', transaction),
    );
    const now = new Date();
    await utimes(join(startsDir(env), hash('2')), now, now);
    await pass();
    assert.deepEqual(await readdir(startsDir(env)), [hash('2')]);
    assert.deepEqual(await readdir(join(env.home, 'logs')), ['api.log']);
    assert.deepEqual(await readdir(join(cacheDir(env), 'models')), []);
    assert.equal(await readFile(join(env.home, 'elsewhere', 'kept.json'), 'utf8'), 'content');
    assert.ok((await readdir(mixturesDir(env))).includes('aa'));
    const kept = await Removal.findOne({ where: { thing: `starts/${hash('2')}` } });
    assert.equal(kept?.kept_because, 'somebody has taken it meanwhile');
  });

  it('removes exports of runs that others have taken the place of, once that is chosen', async () => {
    // Take any WHEN out of READ (src/activities/storage/old-exports.ts), and that export goes.
    await Export.destroy({ where: {} });
    const [old, pinned] = [await buildEnded('completed', 400), await buildEnded('completed', 400)];
    const owner = { kind: 'job', id: Number(old.job_id) } as const;
    await Run.update({ job_id: owner.id, number: 2 }, { where: { id: pinned.id } });
    const newest = await database.sequelize.transaction((transaction) => createRun(owner, old.spec, transaction));
    await Run.update({ status: 'completed', phase: 'finished', finished_at: new Date() }, { where: { id: newest.id } });
    const made = [];
    for (const { id } of [old, pinned, newest])
      made.push(
        await Export.create({
          run_id: id,
          format: 'gguf',
          quantization: 'q8_0',
          status: 'completed',
          files: [{ path: 'model.gguf', bytes: 9, sha256: '0'.repeat(64) }],
          finished_at: new Date(Date.now() - 100 * DAY_MS),
        }),
      );
    await pinRun(pinned, true);
    const place = join(runPaths(env, old).exports, String(made[0]?.id));
    await mkdir(place, { recursive: true });
    await pass();
    assert.equal(await Export.count(), 3, 'by default they are kept');
    await changeRetention({ exports: 30 });
    await pass();
    assert.deepEqual(
      (await Export.findAll({ order: ['id'] })).map(({ run_id }) => run_id),
      [pinned.id, newest.id],
    );
    assert.equal(await ifThere(readdir(place)), null);
  });

  it('forgets Idempotency-Keys once a day, those that are old', async () => {
    // Take what compares the column out of `remove` (src/activities/storage/old-rows.ts), and the recent one goes as well.
    const sql = `INSERT INTO idempotency_keys (key, scope, request_sha256, created_at) VALUES ('old', 's', repeat('0', 64), now() - interval '9 days'), ('new', 's', repeat('0', 64), now() - interval '6 days')`;
    await connection().query(sql);
    await pass();
    const left = await connection().query('SELECT key FROM idempotency_keys', { type: QueryTypes.SELECT });
    assert.deepEqual(left, [{ key: 'new' }]);
  });

  it('reads none of the runs that have nothing any more, however many there are', async () => {
    // Take the index runs_with_work out of src/models/migrations/0032-retention.ts, and all 20,000 are read.
    const run = await buildEnded('completed', 400);
    await connection().query(
      `INSERT INTO runs (job_id, number, spec, status, phase, workflow_id, created_at, updated_at, finished_at, tidied_at)
       SELECT ${run.job_id}, n, '{}', 'completed', 'finished', 'many-' || n, now(), now(), now() - interval '1 year', now() FROM generate_series(2, 20001) AS n`,
    );
    await connection().query('ANALYZE runs');
    const { read } = await rowsRead('runs', pass);
    assert.ok(read.rows < 200, `${read.rows} rows were read`);
    assert.equal(read.scans, 0);
    assert.equal(await hasFiles(run), false);
  });

  it('forgets who did what after a year, and never sooner than the machine says', async () => {
    // Take the Math.max out of retentionOf (src/models/storage/retention.ts), and an admin removes what tells of them.
    await connection().query(
      `INSERT INTO audit (created_at, key_name, address, method, route, entity_kind, changes, request_id, status, ended_at)
       SELECT now() - days * interval '1 day', 'k', '::1', 'POST', '/jobs/', 'job', 'name', 'r' || days, 201, now() FROM unnest(ARRAY[2, 364, 367]) AS days`,
    );
    const left = async () => (await connection().query('SELECT 1 FROM audit', { type: QueryTypes.SELECT })).length;
    assert.throws(() => requireAuditKept({ audit: 1 }, env), /MTM_KEEP_AUDIT_DAYS keeps .* for 365/);
    await TrainingConfig.update({ retention: { audit: null } }, { where: {} });
    await pass();
    assert.equal(await left(), 3);
    await TrainingConfig.update({ retention: { audit: 1 } }, { where: {} });
    await pass();
    assert.equal(await left(), 2);
    assert.deepEqual(
      (await Removal.findAll()).map(({ kind, why }) => [kind, why]),
      [['audit', 'removed by policy audit after 365 days']],
    );
  });

  it('says of each kind what it is and for how long it is kept', async () => {
    // Give checkpoints of failed runs the 7 days of completed ones (src/models/storage/retention.ts): they are dear.
    assert.deepEqual(Object.keys(await currentRetention(env)), STORAGE_KINDS);
    assert.deepEqual(
      STORAGE_KINDS.map((kind) => [kind, RETENTION[kind].days]),
      [
        ['deleted_runs', 0],
        ['idempotency_keys', 7],
        ['notification_deliveries', 30],
        ['audit', 365],
        ['worker_logs', 30],
        ['mixtures', 1],
        ['starts', 1],
        ['trainer_cache', 30],
        ['run_events', 180],
        ['run_metrics', 180],
        ['exports', null],
        ['uploaded_originals', null],
        ['checkpoints_of_completed_runs', 7],
        ['checkpoints_of_failed_runs', 180],
      ],
    );
  });
});
