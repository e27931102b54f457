import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { QueryTypes } from 'sequelize';
import { adoptRun } from '../../../src/activities/runs/adopt-run.ts';
import { currentRetention, decide, finishRemovals, removeDue } from '../../../src/activities/storage/remove-due.ts';
import { findDue, wouldGo } from '../../../src/commands/storage/clean.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { readCurves } from '../../../src/models/runs/run-curves.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { readMetrics, readStream, STREAM_START } from '../../../src/models/runs/run-stream.ts';
import { thinSteps } from '../../../src/models/runs/thin-steps.ts';
import { Removal } from '../../../src/models/storage/removal.ts';
import type { Env } from '../../../src/platform/env.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog } from '../../support/log-lines.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';
import { addSteps } from '../../support/steps.ts';

const DAY_MS = 24 * 3_600_000;
const STEPS = 200_000;
const EVENTS = 200_000;
const MIB = 1024 ** 2;

describe('the thinning of steps and events', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let client: pg.Client;
  let env: Env;

  before(async () => {
    database = await startTestDatabase();
    client = new pg.Client(database.url);
    await client.connect();
    env = { ...(await testEnv()), home: join(database.home, 'service') };
  });
  after(async () => {
    await client?.end();
    await database?.remove();
  });
  beforeEach(async () => {
    await Run.destroy({ where: {} });
    await Removal.destroy({ where: {} });
    // PostgreSQL counts no row then, and plans for none: without `enable_nestloop` of thin-steps.ts it takes minutes.
    await client.query('VACUUM ANALYZE run_metrics');
    await client.query('VACUUM ANALYZE run_events');
  });

  /** A run that did so many steps in one attempt, and ended so many days ago. */
  async function buildEnded(
    steps: number,
    daysAgo = 181,
    status: 'cancelled' | 'completed' = 'cancelled',
  ): Promise<Run> {
    const run = await buildRun(database);
    await addSteps(client, run.id, { to: steps });
    const finished_at = new Date(Date.now() - daysAgo * DAY_MS);
    await Run.update(
      { status, phase: 'finished', finished_at, started_at: finished_at, current_step: steps },
      { where: { id: run.id } },
    );
    return await run.reload();
  }

  const stepsOf = async (run: Run): Promise<number[]> => {
    const rows = await connection().query<{ step: number }>(
      'SELECT step FROM run_metrics WHERE run_id = $id ORDER BY step',
      { bind: { id: run.id }, type: QueryTypes.SELECT },
    );
    return rows.map(({ step }) => step);
  };
  const bytesOf = async (table: string, run: Run): Promise<{ rows: number; bytes: number }> => {
    const [row] = await connection().query<{ rows: number; bytes: number }>(
      `SELECT count(*)::int AS rows, coalesce(sum(pg_column_size(t.*)), 0)::int8 AS bytes FROM ${table} AS t WHERE run_id = ${run.id}`,
      { type: QueryTypes.SELECT },
    );
    return row ?? { rows: 0, bytes: 0 };
  };
  /** How many others the steps that are left stand for. */
  const standingFor = async (run: Run) => {
    const [row] = await connection().query<{ steps: number }>(
      `SELECT coalesce(sum((removed->>'steps')::int), 0)::int AS steps FROM run_metrics WHERE run_id = ${run.id}`,
      { type: QueryTypes.SELECT },
    );
    return row?.steps ?? 0;
  };
  const pass = async () => await removeDue(env, captureLog().logger);
  const curvesOf = async (run: Run, points: number) =>
    await readCurves(run.id, { fromStep: 0, toStep: undefined, points });

  it('keeps means, extremes, held-out losses, attempts and times of a curve as they were, and says so', async () => {
    // Take the sums, an extreme, or an edge out of thin-steps.ts, and a figure of the curve is another one.
    const run = await buildEnded(20_000);
    await connection().query(
      `UPDATE run_metrics SET loss = CASE step WHEN 5001 THEN 99 WHEN 7003 THEN NULL ELSE loss END, grad_norm = CASE step WHEN 9001 THEN 77 ELSE grad_norm END,
         lease_epoch = CASE WHEN step > 11111 THEN 2 ELSE 1 END, created_at = now() - interval '200 days' + step / 10 * interval '1 second'
       WHERE run_id = ${run.id}`,
    );
    const saved = Array.from({ length: 20 }, (_, n) => 12_345 + n);
    await Checkpoint.bulkCreate(
      saved.map((step) => {
        const row = { run_id: run.id, lease_epoch: 2, step, epoch: 1, path: `/nowhere/checkpoint-${step}`, bytes: 7 };
        return { ...row, manifest_sha256: '0'.repeat(64), state: 'complete' as const };
      }),
    );
    for (const [step, loss] of [
      [200, 1.5],
      [333, null],
    ] as const)
      await RunEvent.create({
        run_id: run.id,
        kind: 'eval',
        data: { step, trait: null, loss, rows: 4, lease_epoch: 1 },
      });
    const before = await curvesOf(run, 100);
    const metrics = await readMetrics(run.id, 79);
    assert.equal(before.thinned_until_step, null);
    await pass();
    const after = await curvesOf(run, 100);
    assert.equal(after.thinned_until_step, 20_000);
    assert.deepEqual(rounded({ ...after, thinned_until_step: null }), rounded(before));
    assert.equal(Math.max(...after.buckets.map(({ loss_max }) => loss_max ?? 0)), 99);
    assert.equal(Math.max(...after.buckets.map(({ grad_norm_max }) => grad_norm_max ?? 0)), 77);
    const kept = await stepsOf(run);
    assert.ok(kept.length < 4_096, `${kept.length} steps are left`);
    for (const step of [1, 20_000, 11_111, 11_112, ...saved, 200, 333, 5_001, 9_001])
      assert.ok(kept.includes(step), `${step}`);
    assert.equal((await standingFor(run)) + kept.length, 20_000);
    // A finer look has the buckets that are there, and no mean of extremes.
    const near = await readCurves(run.id, { fromStep: 5_000, toStep: 5_100, points: 1_000 });
    assert.equal(near.steps_per_bucket, 128);
    assert.deepEqual(
      near.buckets.map(({ step }) => step),
      [5_120].map((step) => step),
    );
    const points = await readMetrics(run.id, 79);
    assert.equal(points.thinned_until_step, 20_000);
    assert.equal(points.points.at(-1)?.step, metrics.points.at(-1)?.step);
    const [told] = await RunEvent.findAll({ where: { run_id: run.id, kind: 'thinned' }, order: ['seq'] });
    assert.match(String(told?.data.message), /removed by policy run_(events|metrics) after 180 days\.$/);
  });

  it('frees exactly what the plan says, in little memory, of 200,000 steps and as many events', async () => {
    // Count all rows of a run as going in PLAN (thin-steps.ts), or read the rows into this process, and one of these fails.
    const run = await buildEnded(STEPS);
    await connection().query(
      `INSERT INTO run_events (run_id, kind, data) SELECT ${run.id}, CASE n % 4 WHEN 0 THEN 'log' WHEN 1 THEN 'phase' WHEN 2 THEN 'spans' ELSE 'checkpoint' END,
         jsonb_build_object('phase', 'training', 'message', 'Packing rows, part ' || n, 'lease_epoch', 1, 'step', n) FROM generate_series(1, ${EVENTS}) AS n`,
    );
    const kinds = ['run_events', 'run_metrics'] as const;
    const held = { run_events: await bytesOf('run_events', run), run_metrics: await bytesOf('run_metrics', run) };
    const found = await findDue(env, [...kinds]);
    const plan = wouldGo(found);
    assert.deepEqual(
      plan.map(({ kind, run_id }) => [kind, run_id]),
      kinds.map((kind) => [kind, run.id]),
    );
    global.gc?.();
    const rssBefore = process.memoryUsage().rss;
    let most = rssBefore;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 5);
    const freed = await pass();
    clearInterval(timer);
    assert.ok(most - rssBefore < 64 * MIB, `${(most - rssBefore) / MIB} MiB more`);
    const promised = plan.reduce((sum, { bytes }) => sum + Number(bytes), 0);
    assert.equal(freed, promised);
    const events = await bytesOf('run_events', run);
    const told = await RunEvent.findAll({ where: { run_id: run.id, kind: 'thinned' } });
    // Of phases the first stays, with the checkpoints, the status, and the two events that say what went.
    assert.deepEqual([events.rows, told.length], [EVENTS / 4 + 1 + 1 + 2, 2]);
    const [own] = await connection().query<{ bytes: number }>(
      `SELECT sum(pg_column_size(e.*))::int8 AS bytes FROM run_events AS e WHERE run_id = ${run.id} AND kind = 'thinned'`,
      { type: QueryTypes.SELECT },
    );
    assert.equal(held.run_events.bytes - (events.bytes - Number(own?.bytes)), plan[0]?.bytes);
    await connection().query(`UPDATE run_metrics SET removed = NULL WHERE run_id = ${run.id}`);
    const steps = await bytesOf('run_metrics', run);
    assert.equal(held.run_metrics.bytes - steps.bytes, plan[1]?.bytes);
    assert.ok(steps.rows < 4_096, `${steps.rows} rows`);
    assert.deepEqual((await findDue(env, [...kinds])).due, []);
  });

  it('goes on after a kill in the middle, and a second time changes nothing', async () => {
    // Number buckets by the rows that are left, and not by steps (MARKED in thin-steps.ts), and the second time removes more.
    const run = await buildEnded(40_000);
    const before = rounded((await curvesOf(run, 100)).buckets);
    const retention = await currentRetention(env);
    const [due] = (await findDue(env, ['run_metrics'])).due;
    assert.ok(due);
    await connection().transaction(async (transaction) => await decide(env, due, retention, 'policy', transaction));
    // As a process that is killed at its second statement.
    await connection().query(
      `CREATE FUNCTION test_stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.step > 20000 THEN RAISE EXCEPTION 'killed'; END IF; RETURN OLD; END $$;
       CREATE TRIGGER test_stop BEFORE DELETE ON run_metrics FOR EACH ROW EXECUTE FUNCTION test_stop()`,
    );
    try {
      await assert.rejects(thinSteps(run.id), /killed/);
    } finally {
      await connection().query('DROP TRIGGER test_stop ON run_metrics; DROP FUNCTION test_stop');
    }
    const left = (await stepsOf(run)).length;
    assert.ok(left > 20_000 && left < 40_000, `${left} steps are left`);
    assert.equal((await readMetrics(run.id, 10)).thinned_until_step, 40_000, 'said before it is done');
    await finishRemovals(env, captureLog().logger);
    const kept = await stepsOf(run);
    assert.ok(kept.length < 4_096);
    assert.deepEqual(rounded((await curvesOf(run, 100)).buckets), before);
    assert.deepEqual(await thinSteps(run.id), { rows: 0, bytes: 0 });
    assert.deepEqual(rounded((await curvesOf(run, 100)).buckets), before);
    assert.deepEqual(await stepsOf(run), kept);
  });

  it('thins no run that is open, pinned, short, young, or that a tracker or a result file still needs', async () => {
    // Take a case out of PINNED_CASES (run-checkpoints.ts) or of runMetrics (thinned-runs.ts), and that run is thinned.
    const gone = await buildEnded(5_000);
    const pinned = await buildEnded(5_000);
    const followed = await buildEnded(5_000);
    const asked = await buildEnded(5_000, 181, 'completed');
    const resumed = await buildEnded(5_000);
    const short = await buildEnded(4_096);
    const young = await buildEnded(5_000, 179);
    await Run.update({ pinned: true }, { where: { id: pinned.id } });
    await connection().query(
      `INSERT INTO tracker_deliveries (run_id, tracker, token) VALUES (${followed.id}, 'mlflow', gen_random_uuid())`,
    );
    await connection().query(
      `INSERT INTO openai_jobs (id, job_id, model, training_file, result_file, seed, method, hyperparameters, fingerprint)
       VALUES ('ftjob-1', ${asked.job_id}, 'm', 'file-1', 'file-2', 1, 'supervised', '{}', repeat('0', 64))`,
    );
    const again = await buildRun(database);
    await Run.update({ job_id: resumed.job_id, number: 2, resumes_run_id: resumed.id }, { where: { id: again.id } });
    await pass();
    const counts = await Promise.all(
      [gone, pinned, followed, asked, resumed, short, young].map(async (run) => (await stepsOf(run)).length),
    );
    assert.ok(Number(counts[0]) < 5_000);
    assert.deepEqual(counts.slice(1), [5_000, 5_000, 5_000, 5_000, 4_096, 5_000]);
  });

  it('is handed on to a run that goes on from it, and a stream goes on at its place', async () => {
    // Let copyMetrics (adopt-run.ts) leave out `removed` or what is thinned, and the new run shows means of extremes without a word.
    const run = await buildEnded(10_000);
    const look = await readStream(run.id, STREAM_START, 5_000);
    const place = look.entries.at(-1) ?? STREAM_START;
    await pass();
    const rest = await readStream(run.id, place, 10_000);
    const steps = rest.entries.filter(({ kind }) => kind === 'step').map(({ data }) => Number(data.step));
    const seen = look.entries.filter(({ kind }) => kind === 'step').length;
    assert.deepEqual(
      steps,
      (await stepsOf(run)).filter((step) => step > seen),
    );
    assert.equal(rest.entries.at(-1)?.kind, 'thinned');
    const before = await curvesOf(run, 50);
    const next = await buildRun(database);
    await Run.update({ workflow_started_at: new Date(), workflow_closed_at: new Date() }, { where: { id: run.id } });
    const path = join(runPaths(env, run).checkpoints, 'e1', 'checkpoint-10000');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'manifest.json'), '{}');
    const row = {
      run_id: run.id,
      lease_epoch: 1,
      step: 10_000,
      epoch: 1,
      path,
      manifest_sha256: '0'.repeat(64),
      bytes: 7,
    };
    await Checkpoint.create({ ...row, state: 'complete' });
    await adoptRun(env, next, await run.reload());
    const after = await curvesOf(next, 50);
    // It is thinned itself, in larger buckets: what the rows of smaller ones stood for is added up.
    const wide = rounded(await curvesOf(next, 20));
    await Run.update({ thinned_steps_per_bucket: 512 }, { where: { id: next.id } });
    assert.ok((await thinSteps(next.id)).rows > 0);
    assert.deepEqual(rounded(await curvesOf(next, 20)), wide);
    assert.equal(after.thinned_until_step, 10_000);
    assert.deepEqual(
      rounded(after.buckets.map(({ loss, step }) => ({ loss, step }))),
      rounded(before.buckets.map(({ loss, step }) => ({ loss, step }))),
    );
  });
});

/** To so many digits that the order of additions does not show. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each) => (typeof each === 'number' ? Number(each.toPrecision(9)) : each)),
  );
}
