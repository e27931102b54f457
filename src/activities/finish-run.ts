import { access, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import type { Env } from '../env.ts';
import { exists } from '../files.ts';
import { Run } from '../models/run.ts';
import { isFinal, type RunStatus } from '../models/statuses.ts';
import { setPhase, transition } from '../models/transition.ts';
import { FAILURE_TYPES, type FinishInput, type TrainingOutcome } from '../workflows/contract.ts';
import { removeStaging, runFiles } from './run-files.ts';

/**
 * The end of a run: publishes the output by rename when it is complete, removes what is half-done, writes the final
 * status. A run that has ended already (cancelled through the API, say) keeps the end it has.
 * May run twice: publishing looks whether the rename was done, and the second transition finds the run final.
 */
export function createFinishRun(env: Env) {
  return async function finishRun({ runId, outcome, errorClass, message }: FinishInput): Promise<TrainingOutcome> {
    const run = await Run.findByPk(runId);
    if (!run) return { status: 'failed', message: `Run ${runId} is not in the database.` };
    if (!isFinal(run.status)) {
      if (outcome === 'completed') await complete(env, run);
      else await transition({ runId, to: outcome, phase: 'finished', ...endOf(outcome, errorClass, message) });
    }
    await closeRun(env, run);
    const ended = await Run.findByPk(runId, { rejectOnEmpty: true });
    return { status: endStatus(ended.status), message: ended.error_message };
  };
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
  await setPhase(run.id, 'queued', 'publishing');
  const output_path = await publish(env, run);
  // A validated run was handed back to the queue; from there the table leads to completed by way of running.
  await transition({ runId: run.id, from: ['queued'], to: 'running', phase: 'publishing' });
  await transition({ runId: run.id, to: 'completed', phase: 'finished', set: { output_path, progress: 100 } });
}

async function publish(env: Env, run: Run): Promise<string> {
  const { output } = runFiles(env, run);
  if (!run.result) throw new Error(`Run ${run.id} is to be published and has not been trained.`);
  if (await exists(run.result.staging_path)) {
    // Of a database that is gone, whose ids began at 1 as well: kept, under another name.
    if (await exists(output)) await rename(output, `${output}.older-${Date.now()}`);
    await rename(run.result.staging_path, output);
  } else {
    // Gone from staging means that an earlier attempt published it: nobody else moves or removes it.
    await access(output);
  }
  const latest = join(dirname(output), 'latest');
  const replacement = `${latest}.${run.id}`;
  await rm(replacement, { force: true });
  await symlink(basename(output), replacement);
  await rename(replacement, latest);
  return output;
}

/**
 * Removes models of an ended run that were not published, and notes that nothing is left to do for it. Nobody may be at
 * work on it any more. May run twice.
 */
export async function closeRun(env: Env, run: Run): Promise<void> {
  await removeStaging(runFiles(env, run));
  await Run.update({ workflow_closed_at: new Date() }, { where: { id: run.id }, silent: true });
}

function endStatus(status: RunStatus): TrainingOutcome['status'] {
  if (status === 'completed' || status === 'failed' || status === 'cancelled') return status;
  throw new Error(`A finished run is ${status}.`);
}
