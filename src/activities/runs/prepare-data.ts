import { ApplicationFailure, Context } from '@temporalio/activity';
import { DatasetError } from '../../datasets/dataset-error.ts';
import { isWholeMixture, type KeptPlan, readMixtureManifest, readMixturePlan } from '../../datasets/mixture.ts';
import { type FoundSource, findSources } from '../../models/runs/mixture-sources.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { datasetsOf, mixtureSpec } from '../../models/runs/run-spec.ts';
import { setPhase } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import { TransientError } from '../../platform/failure.ts';
import { exists, ifThere, sha256OfFile } from '../../platform/files.ts';
import { giveCheckpointsHere } from '../../runs/bring-checkpoint.ts';
import { mixtureOf } from '../../runs/mixture-store.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import { keepStart } from '../../runs/starts.ts';
import { FAILURE_TYPES, type FullDisk, type RunRef } from '../../workflows/contract.ts';
import { adoptRun } from './adopt-run.ts';
import { makeRoom, noRoomIn } from './full-disk.ts';
import { openRun } from './open-run.ts';

/**
 * Plans the mixture, keeps the plan with the run, and writes training and held-out rows.
 * May run twice: the same plan gives the same bytes, and a mixture that is whole is taken as it is.
 */
export function createPrepareData(env: Env) {
  return async function prepareData({ runId }: RunRef): Promise<{ trainRows: number; heldOutRows: number } | FullDisk> {
    const run = await openRun(runId);
    try {
      return await prepare(env, run, Context.current().cancellationSignal);
    } catch (error) {
      if (error instanceof DatasetError) throw ApplicationFailure.nonRetryable(error.message, FAILURE_TYPES.badInput);
      const message = noRoomIn(error);
      if (message === null) throw error;
      await setPhase(runId, 'pending', 'paused');
      return { to: 'full_disk', message: `${message} ${await makeRoom(env)}` };
    }
  };
}

async function prepare(env: Env, run: Run, signal: AbortSignal): Promise<{ trainRows: number; heldOutRows: number }> {
  const folder = new RunFolder(env, run);
  const { mixture } = folder.paths;
  await folder.make();
  if (run.spec.start) await keepStart(env, run.spec.start);
  const from = run.resumes_run_id === null ? null : await Run.findByPk(run.resumes_run_id);
  if (from) await adoptRun(env, run, from);
  if (!(await isWholeMixture(mixture))) {
    if (await exists(mixture)) await folder.putMixtureAside();
    await setPhase(run.id, 'pending', 'preparing_data');
    const found = await findSources(datasetsOf(run.spec.traits));
    await Promise.all(found.map(requireUnchanged));
    const { seed } = run.spec.hyperparameters;
    const spec = mixtureSpec(
      { ...run.spec, seed },
      found.map(({ source }) => source),
    );
    if (!(await folder.takeMixture(await mixtureOf(env, spec, { signal }))))
      throw new TransientError('The mixture was removed while it was taken.');
    // That of an earlier version, or of a run that was to be gone on from, is not the plan of this mixture.
    await Run.update({ plan: null }, { where: { id: run.id } });
  }
  // Also where an earlier attempt wrote the mixture and came no further. Never over one that the trainer has added to.
  const plan = await readMixturePlan(mixture);
  if (plan) await keepPlan(run.id, plan);
  const store = runStoreOf(env, run);
  if (store) {
    await store.giveBeginning();
    await giveCheckpointsHere(env, run, store);
  }
  return await readMixture(mixture);
}

/** Keeps the plan with the run, once, and tells what its data are warned of. */
async function keepPlan(runId: number, plan: KeptPlan): Promise<void> {
  await connection().transaction(async (transaction) => {
    const [kept] = await Run.update({ plan }, { where: { id: runId, plan: null }, transaction });
    if (kept === 0) return;
    for (const message of plan.warnings)
      await RunEvent.create({ run_id: runId, kind: 'warning', data: { message } }, { transaction });
  });
}

/** How many rows a mixture that is there has. */
export async function readMixture(dir: string): Promise<{ trainRows: number; heldOutRows: number }> {
  const manifest = await readMixtureManifest(dir);
  if (!manifest) throw new TransientError(`There is no mixture in ${dir}. Put it back from a backup.`);
  return { trainRows: manifest.train.rows, heldOutRows: manifest.held_out.rows };
}

/** @throws DatasetError when the file that rows are to be read from is gone, or not what the upload became. */
async function requireUnchanged({ source: { id, parquetPath }, parquetSha256 }: FoundSource): Promise<void> {
  const found = await ifThere(sha256OfFile(parquetPath));
  if (found === parquetSha256) return;
  throw new DatasetError(
    `The file of dataset ${id} (${parquetPath}) is ${found === null ? 'gone' : 'not what it was'}. Put it back from a backup, or upload the dataset again.`,
  );
}
