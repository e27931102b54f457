import { ApplicationFailure } from '@temporalio/activity';
import type { FoundModel } from '../../base-models/found-model.ts';
import type { Run } from '../../models/runs/run.ts';
import { setPhase } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import { pinIndexModel, pinModel } from '../../runs/pinned-model.ts';
import { FAILURE_TYPES, type RunRef } from '../../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** Finds the run's models on this machine, complete and in a safe format, and keeps which revisions they are. May run twice. */
export function createVerifyModel(env: Env) {
  return async function verifyModel({ runId }: RunRef): Promise<{ path: string }> {
    const run = await openRun(runId);
    // Of a run that is further, whose workflow was lost, the phase stays: it says whether it waits for a worker, or is paused.
    await setPhase(runId, 'pending', 'verifying_model');
    return { path: (await requireModels(env, run)).model.path };
  };
}

interface NamedModel {
  name: string;
  path: string;
}

/**
 * The run's base model, and the one that makes its index where that is another, the same at each call.
 * @throws ApplicationFailure, not to be retried, with the remedy
 */
export async function requireModels(env: Env, run: Run): Promise<{ model: NamedModel; index: NamedModel | null }> {
  const model = usable(await pinModel(env, run));
  const index = await pinIndexModel(env, run);
  return { model, index: index && usable(index) };
}

function usable(found: FoundModel): NamedModel {
  if (found.available) return { name: found.resolved_name, path: found.path };
  throw ApplicationFailure.nonRetryable(found.errors.join(' '), FAILURE_TYPES.modelUnavailable);
}
