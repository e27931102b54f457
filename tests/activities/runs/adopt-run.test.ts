import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptRun } from '../../../src/activities/runs/adopt-run.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import type { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { RunMetric } from '../../../src/models/runs/run-metric.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';

describe('a run that goes on from another', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let env: Awaited<ReturnType<typeof testEnv>>;
  let from: Run;
  let run: Run;

  before(async () => {
    database = await startTestDatabase();
    env = { ...(await testEnv()), home: database.home };
  });
  after(() => database?.remove());

  beforeEach(async () => {
    from = await buildRun(database);
    run = await buildRun(database);
    for (const step of [6, 9]) await saved(step);
    const figures = { epoch: 1, loss: 1, learning_rate: 0.001, grad_norm: 1, tokens: 10, tokens_per_s: 100 };
    await RunMetric.bulkCreate(Array.from({ length: 9 }, (_, i) => ({ run_id: from.id, step: i + 1, ...figures })));
  });

  const checkpointsOf = ({ id }: Run) => Checkpoint.findAll({ where: { run_id: id }, order: [['step', 'ASC']] });
  const folderOf = (step: number) => join(runPaths(env, from).checkpoints, 'e1', `checkpoint-${step}`);

  async function saved(step: number): Promise<void> {
    await mkdir(folderOf(step), { recursive: true });
    await writeFile(join(folderOf(step), 'manifest.json'), '{}');
    await Checkpoint.create({
      run_id: from.id,
      lease_epoch: 1,
      step,
      epoch: 1,
      path: folderOf(step),
      manifest_sha256: 'x'.repeat(64),
      bytes: 2,
      state: 'complete',
    });
  }

  it('has its checkpoints, and its loss curve as far as they go', async () => {
    await adoptRun(env, run, from);
    assert.deepEqual(
      (await checkpointsOf(run)).map(({ step, lease_epoch }) => [step, lease_epoch]),
      [
        [6, 0],
        [9, 0],
      ],
    );
    assert.equal(await RunMetric.count({ where: { run_id: run.id } }), 9);
  });

  it('does not begin at step 0 in silence where the files of all of them are gone', async () => {
    // Before, whatever went wrong with a folder counted as "there was none", and the run trained from step 1 without a word.
    await rm(runPaths(env, from).checkpoints, { recursive: true });
    await assert.rejects(
      adoptRun(env, run, from),
      /Checkpoints of run 1 were saved \(the newest of step 9\), and none is under .*Put the files back/,
    );
    assert.equal(await RunMetric.count({ where: { run_id: run.id } }), 0);
  });

  it('goes on from less where some are gone, says so, and has the loss curve of what is there', async () => {
    // Before, the steps of checkpoints that were not there any more were copied all the same.
    await rm(folderOf(9), { recursive: true });
    await adoptRun(env, run, from);
    assert.deepEqual(
      (await checkpointsOf(run)).map(({ step }) => step),
      [6],
    );
    assert.equal(await RunMetric.count({ where: { run_id: run.id } }), 6);
    const [warning] = await RunEvent.findAll({ where: { run_id: run.id, kind: 'warning' } });
    assert.match(
      JSON.stringify(warning?.data),
      /step 9 are not in their folder any more: training goes on from step 6/,
    );
  });

  it('takes no error for absence', async () => {
    // A file where the folder of a checkpoint should be: ENOTDIR is not ENOENT.
    await rm(folderOf(9), { recursive: true });
    await writeFile(folderOf(9), '');
    await assert.rejects(adoptRun(env, run, from), { code: 'ENOTDIR' });
  });
});
