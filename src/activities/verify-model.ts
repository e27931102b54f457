import { ApplicationFailure } from '@temporalio/activity';
import { findModel } from '../base-models/model-cache.ts';
import type { Env } from '../env.ts';
import type { Run } from '../models/run.ts';
import { setPhase } from '../models/transition.ts';
import { FAILURE_TYPES, type RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** Finds the base model in the local cache, complete and in a safe format. May run twice: it only reads. */
export function createVerifyModel(env: Env) {
  return async function verifyModel({ runId }: RunRef): Promise<{ path: string }> {
    const run = await openRun(runId);
    await setPhase(runId, run.status, 'verifying_model');
    return { path: await requireModel(env, run) };
  };
}

/** The base model's directory. @throws ApplicationFailure, not to be retried, with the remedy. */
export async function requireModel(env: Env, run: Run): Promise<string> {
  const found = await findModel(env.modelCache, run.spec.base_model);
  if (found.available && found.path) return found.path;
  throw ApplicationFailure.nonRetryable(found.errors.join(' '), FAILURE_TYPES.modelUnavailable);
}
