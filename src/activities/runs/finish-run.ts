import { ApplicationFailure, Context } from '@temporalio/activity';
import { RunMeasurement } from '../../models/estimates/run-measurement.ts';
import { createRun } from '../../models/runs/create-run.ts';
import { interruptionsOf } from '../../models/runs/interruptions.ts';
import { AS_ITS_TURN_COMES } from '../../models/runs/queue-choices.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import { tokensOfStart, uponStart } from '../../models/runs/start.ts';
import { isFinal, type RunStatus } from '../../models/runs/statuses.ts';
import { transition } from '../../models/runs/transition.ts';
import { lockVersions, settle } from '../../models/versions/settle.ts';
import type { Env } from '../../platform/env.ts';
import { exists } from '../../platform/files.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import { startIdentity, startOfOutput } from '../../runs/starts.ts';
import { FAILURE_TYPES, type FinishInput, type TrainingOutcome } from '../../workflows/contract.ts';
import { linkLatest } from '../versions/link-latest.ts';
import { measurementOf } from './measured.ts';
import { knownManifestSha256 } from './train-model.ts';

/**
 * The end of a run: publishes the output by rename when it is complete, removes what is half-done, writes the final
 * status. A run that has ended already (cancelled through the API, say) keeps the end it has.
 * May run twice: publishing looks whether the rename was done, and the second transition finds the run final.
 */
export function createFinishRun(env: Env) {
  return async function finishRun({ runId, outcome, errorClass, message }: FinishInput): Promise<TrainingOutcome> {
    const run = await Run.findByPk(runId);
    if (!run) return { status: 'failed', message: `Run ${runId} is not in the database.` };
    await runStoreOf(env, run)?.takeRecord();
    if (!isFinal(run.status)) {
      if (outcome === 'completed') await complete(env, run);
      else await transition({ runId, to: outcome, phase: 'finished', ...endOf(outcome, errorClass, message) });
    }
    const ended = await Run.findByPk(runId, { rejectOnEmpty: true });
    // Also where it was killed between the two: the row has decided, and the link follows it.
    if (ended.status === 'completed') await linkOrWarn(env, ended);
    // Before the run is closed: nobody else asks after that.
    if (ended.status === 'cancelled' && outcome !== 'cancelled') await cancelOwnWorkflow();
    await closeRun(env, run);
    return {
      status: endStatus(ended.status),
      message: ended.error_message,
      verdict: ended.validation?.verdict ?? null,
      outputPath: ended.output_path,
      weightsSha256: ended.result?.weights_sha256 ?? null,
      interruptions: await interruptionsOf(runId),
    };
  };
}

/** Its workflow cannot cancel itself, and waits for this to be listed as what it is. */
async function cancelOwnWorkflow(): Promise<void> {
  const { client, info } = Context.current();
  const { workflowId, runId } = info.workflowExecution ?? {};
  if (workflowId) await client.workflow.getHandle(workflowId, runId).cancel();
}

function endOf(outcome: 'failed' | 'cancelled', errorClass?: string, message?: string) {
  if (outcome === 'cancelled') return {};
  return {
    set: {
      error_class: errorClass ?? FAILURE_TYPES.trainerFailed,
      error_message: message || 'The run failed without saying why; its log in the run folder says more.',
    },
  };
}

async function complete(env: Env, run: Run): Promise<void> {
  if (!run.result || !run.validation) {
    const found = `Run ${run.id} is to be published, and the database does not know that it was trained and validated.`;
    throw ApplicationFailure.nonRetryable(found, FAILURE_TYPES.stageForgotten);
  }
  const folder = new RunFolder(env, run);
  // First: from here on it cannot be cancelled any more, so that no model is published of a run that was.
  if (!(await intendToPublish(run.id, folder.paths.output))) return;
  // Unless it was published by an earlier attempt.
  if (!(await exists(folder.paths.output))) await runStoreOf(env, run)?.takeOutput(run.result.staging_path);
  await folder.publish(run.result.staging_path, knownManifestSha256(run));
  // A validated run was handed back to the queue; from there the table leads to completed by way of running.
  await transition({ runId: run.id, from: ['queued'], to: 'running', phase: 'publishing' });
  const set = { output_path: folder.paths.output, progress: 100 };
  const measured = await whatItShowed(env, run);
  const next = await nextSpec(run, folder.paths.output);
  await connection().transaction(async (transaction) => {
    if (run.project_id !== null) await lockVersions(run.project_id, transaction);
    const completed = await transition({ runId: run.id, to: 'completed', phase: 'finished', set, transaction });
    if (!completed) return;
    if (completed.project_id !== null) await settle(completed, completed.project_id, transaction);
    if (measured) await RunMeasurement.keep(measured, transaction);
    // With the end of the first, or not at all: a run that has ended is never looked at again.
    if (next && run.project_id !== null)
      await createRun(
        { kind: 'project', id: run.project_id },
        next,
        transaction,
        null,
        { ...AS_ITS_TURN_COMES, priority: run.priority },
        run.key_id,
      );
  });
}

/** A link that cannot be set is a convenience that is missing, and told. */
async function linkOrWarn(env: Env, run: Run): Promise<void> {
  const message = await linkLatest(env, run);
  if (message !== null) await RunEvent.create({ run_id: run.id, kind: 'warning', data: { message } });
}

/** What the run is to do that follows this one; null: none does. */
async function nextSpec({ id, number, project_id, spec }: Run, output: string): Promise<RunSpec | null> {
  if (!spec.followed_by) return null;
  const found = await startOfOutput(spec, output);
  const name = `run ${number} of project ${project_id}`;
  const start = {
    ...found,
    ...tokensOfStart(spec),
    name,
    run_id: id,
    checkpoint: null,
    sha256: await startIdentity(found),
  };
  const hyperparameters = uponStart(start, spec.followed_by.hyperparameters);
  return { ...spec.followed_by, hyperparameters, download: spec.download, follows: number, start };
}

/** For estimates of later ones. What cannot be read of its model, on a disk with errors say, keeps no run from its end. */
async function whatItShowed(env: Env, run: Run): ReturnType<typeof measurementOf> {
  try {
    return await measurementOf(env, run);
  } catch (error) {
    Context.current().log.warn('What the run took is not kept for estimates.', { runId: run.id, error });
    return null;
  }
}

/** Writes that the run is about to be published, and where. False when it has ended meanwhile. */
async function intendToPublish(runId: number, path: string): Promise<boolean> {
  return await connection().transaction(async (transaction) => {
    const run = await Run.findByPk(runId, { transaction, lock: transaction.LOCK.UPDATE, rejectOnEmpty: true });
    if (isFinal(run.status)) return false;
    if (run.phase === 'publishing' && run.publish_path === path) return true;
    await run.update({ phase: 'publishing', publish_path: path }, { transaction });
    await RunEvent.create({ run_id: runId, kind: 'phase', data: { phase: 'publishing' } }, { transaction });
    return true;
  });
}

/**
 * Removes models of an ended run that were not published, and notes that nothing is left to do for it. Nobody may be at
 * work on it any more. May run twice.
 */
export async function closeRun(env: Env, run: Run): Promise<void> {
  await new RunFolder(env, run).removeExports();
  await runStoreOf(env, run)?.removeOutputs();
  await Run.update({ workflow_closed_at: new Date() }, { where: { id: run.id }, silent: true });
}

function endStatus(status: RunStatus): TrainingOutcome['status'] {
  if (status === 'completed' || status === 'failed' || status === 'cancelled') return status;
  throw new Error(`A finished run is ${status}.`);
}
