import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { measureStorage } from '../../../src/activities/storage/measure.ts';
import { removeDue } from '../../../src/activities/storage/remove-due.ts';
import { Export } from '../../../src/models/exports/export.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { knownCheckpointStep, markCheckpoint } from '../../../src/models/runs/run-progress.ts';
import { PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ifThere } from '../../../src/platform/files.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog } from '../../support/log-lines.ts';
import { buildRun } from '../../support/runs.ts';

const DAY_MS = 24 * 3_600_000;
/** What a trainer does after each checkpoint (trainer/runs/checkpoints.py). */
const PRUNE = `
import sys
from pathlib import Path
from trainer.platform.events import Events
from trainer.runs.checkpoints import prune
prune(Path(sys.argv[1]), Events(None))
`;

describe('pins of a checkpoint and of an export', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { keepWorkDays: 7, modelCache: join(database.home, 'models') });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });
  beforeEach(() => Run.destroy({ where: {} }));

  /** A run with checkpoints of these steps. */
  async function buildSaved(steps: number[]): Promise<Run> {
    const run = await buildRun(database);
    for (const step of steps) {
      const path = join(runPaths(api.env, run).checkpoints, 'e1', `checkpoint-${step}`);
      await mkdir(join(path, 'states'), { recursive: true });
      const files = Object.fromEntries(['weights', 'states/one', 'states/two'].map((name) => [name, { bytes: 9 }]));
      for (const name of Object.keys(files)) await writeFile(join(path, name), `of step ${step}`);
      await writeFile(join(path, 'manifest.json'), JSON.stringify({ files }));
      const row = { run_id: run.id, lease_epoch: 1, step, epoch: 1, path, manifest_sha256: '0'.repeat(64), bytes: 30 };
      await Checkpoint.create({ ...row, state: 'complete' });
    }
    return run;
  }

  const pin = (run: Run, step: number, pinned = true) =>
    api.call('POST', `/jobs/${run.job_id}/checkpoints/${step}/pin`, { pinned });
  const prune = (run: Run) =>
    execa('python3', ['-c', PRUNE, runPaths(api.env, run).checkpoints], { cwd: PROJECT_ROOT });
  const rowOf = async (run: Run, step: number) => {
    const found = await Checkpoint.findOne({ where: { run_id: run.id, step } });
    assert.ok(found);
    return found;
  };
  const end = (run: Run, daysAgo: number) =>
    Run.update(
      { status: 'completed', phase: 'finished', finished_at: new Date(Date.now() - daysAgo * DAY_MS) },
      { where: { id: run.id } },
    );

  it('hold against the trainer of a run, which removes its own names of the files alone', async () => {
    // Leave keepCheckpoint out of pinCheckpoint (src/commands/storage/pin-part.ts), or kept_path out of markCheckpoint (src/models/runs/run-progress.ts).
    const run = await buildSaved([10, 20, 30]);
    const { status, body } = await pin(run, 10);
    assert.deepEqual([status, body.pinned, body.state], [200, true, 'complete']);
    await prune(run);
    const { path } = await rowOf(run, 10);
    assert.equal(await ifThere(readdir(path)), null, 'the trainer removed it');
    const lease = { runId: run.id, epoch: run.lease_epoch, workerId: 'w' };
    await Run.update(
      { status: 'running', worker_id: 'w', lease_expires_at: new Date(Date.now() + 60_000) },
      { where: { id: run.id } },
    );
    assert.equal(await markCheckpoint(lease as never, path, 'pruned'), true);
    const row = await rowOf(run, 10);
    assert.equal(row.state, 'complete');
    assert.equal(await readFile(join(row.path, 'states', 'two'), 'utf8'), 'of step 10');
    // The trainer does not find it where it looks: without the rest it must not be told of it.
    await Checkpoint.update({ state: 'quarantined' }, { where: { run_id: run.id, step: [20, 30] } });
    assert.equal(await knownCheckpointStep(run.id), null);
  });

  it('are refused, or hold, while the trainer is at it', async () => {
    // Leave isWhole out of keepCheckpoint (src/runs/pinned-checkpoints.ts), and some hold half a checkpoint.
    const steps = Array.from({ length: 40 }, (_, nth) => 10 * (nth + 1));
    const run = await buildSaved(steps);
    const old = steps.slice(0, -2);
    const pruning = prune(run);
    const answers = await Promise.all(old.toReversed().map(async (step) => ({ step, ...(await pin(run, step)) })));
    await pruning;
    for (const { step, status, body } of answers) {
      const { pinned, kept_path } = await rowOf(run, step);
      if (status === 409) {
        assert.match(String(body.detail), new RegExp(`checkpoint of step ${step} of run 1 was removed by its trainer`));
        assert.deepEqual([pinned, kept_path], [false, null]);
        continue;
      }
      assert.deepEqual([status, pinned], [200, true]);
      const kept = (await readdir(String(kept_path), { recursive: true })).sort();
      assert.deepEqual(kept, ['manifest.json', 'states', 'states/one', 'states/two', 'weights'], `step ${step}`);
    }
    await prune(run);
    // As it is while the trainer removes one: the manifest goes first.
    for (const [step, gone] of [
      [390, 'manifest.json'],
      [400, 'states/one'],
    ] as const) {
      await rm(join((await rowOf(run, step)).path, gone));
      assert.equal((await pin(run, step)).status, 409);
      assert.equal((await rowOf(run, step)).pinned, false);
    }
  });

  it('hold against the policy, which takes the others of the run, and what is unpinned later', async () => {
    // Take `pinned: false` out of `release`, or `needed` out of `remove` (src/activities/storage/run-checkpoints.ts); leave tidied_at out of pinCheckpoint, and it stays for ever.
    const run = await buildSaved([10, 20]);
    await end(run, 8);
    await pin(run, 10);
    const { logger } = captureLog();
    await removeDue(api.env, logger);
    const [kept, gone] = [await rowOf(run, 10), await rowOf(run, 20)];
    assert.deepEqual([kept.state, gone.state], ['complete', 'pruned']);
    assert.equal(await ifThere(readdir(runPaths(api.env, run).checkpoints)), null);
    assert.equal(await readFile(join(kept.path, 'weights'), 'utf8'), 'of step 10');
    const refused = await pin(run, 20);
    assert.equal(refused.status, 409);
    assert.match(String(refused.body.detail), /was removed by policy checkpoints_of_completed_runs after 7 days/);
    await measureStorage(api.env);
    const { body } = await api.call('GET', '/storage');
    assert.deepEqual(body.pins, [{ what: 'checkpoint', run: run.workflow_id, step: 10, export_id: null }]);
    const kinds = body.kinds as { kind: string; pinned: object; biggest: { name: string; pinned: string }[] }[];
    const kind = kinds.find((each) => each.kind === 'checkpoints_of_completed_runs');
    assert.deepEqual(kind?.pinned, { items: 1, bytes: 30 });
    assert.deepEqual(kind?.biggest[0]?.pinned, 'somebody pinned it');
    assert.equal((await pin(run, 10, false)).body.pinned, false);
    assert.ok((await rowOf(run, 10)).state === 'complete', 'nothing goes by that alone');
    await removeDue(api.env, logger);
    assert.equal((await rowOf(run, 10)).state, 'pruned');
    assert.deepEqual(await readdir(runPaths(api.env, run).pinned), []);
  });

  it('keep an export whose run others have taken the place of', async () => {
    // Take `WHEN export.pinned` out of READ (src/activities/storage/old-exports.ts), and it goes.
    const run = await buildRun(database);
    await end(run, 100);
    const made = { run_id: run.id, status: 'completed' as const, finished_at: new Date(Date.now() - 99 * DAY_MS) };
    const { id } = await Export.create({ ...made, format: 'gguf', quantization: 'q8_0', files: [] });
    const other = await Export.create({ ...made, format: 'gguf', quantization: 'f16', files: [] });
    const hub = await Export.create({ ...made, format: 'hub', repository: 'a/b', files: [] });
    await database.sequelize.query(
      `INSERT INTO runs (job_id, number, spec, status, phase, workflow_id, created_at, updated_at, finished_at, tidied_at)
       VALUES (${run.job_id}, 2, '{}', 'completed', 'finished', 'later', now(), now(), now(), now())`,
    );
    const address = `/jobs/${run.job_id}/exports`;
    const pinned = await api.call('POST', `${address}/${id}/pin?run=1`, { pinned: true });
    assert.deepEqual([pinned.status, pinned.body.pinned], [200, true]);
    const push = await api.call('POST', `${address}/${hub.id}/pin?run=1`, { pinned: true });
    assert.equal(push.status, 400);
    assert.match(String(push.body.detail), /has no files here, since it is a push to a hub/);
    await api.call('PATCH', '/config/', { retention: { exports: 30 } });
    await removeDue(api.env, captureLog().logger);
    assert.ok(await Export.findByPk(id));
    assert.equal(await Export.findByPk(other.id), null);
  });
});
