import { ApplicationFailure } from '@temporalio/activity';
import type { Env } from '../env.ts';
import type { Run } from '../models/run.ts';
import { setPhase } from '../models/transition.ts';
import { FAILURE_TYPES, type RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';
import { pinModel } from './pinned-model.ts';

/** Finds the base model on this machine, complete and in a safe format, and keeps which revision it is. May run twice. */
export function createVerifyModel(env: Env) {
  return async function verifyModel({ runId }: RunRef): Promise<{ path: string }> {
    const run = await openRun(runId);
    // Of a run that is further, whose workflow was lost, the phase stays: it says whether it waits for a worker, or is paused.
    await setPhase(runId, 'pending', 'verifying_model');
    return { path: (await requireModel(env, run)).path };
  };
}

/** The run's base model, the same at each call. @throws ApplicationFailure, not to be retried, with the remedy. */
export async function requireModel(env: Env, run: Run): Promise<{ name: string; path: string }> {
  const found = await pinModel(env, run);
  if (found.available) return { name: found.resolved_name, path: found.path };
  throw ApplicationFailure.nonRetryable(found.errors.join(' '), FAILURE_TYPES.modelUnavailable);
}
