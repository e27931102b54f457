import { ApplicationFailure } from '@temporalio/activity';
import type { FoundModel, HubModel } from '../../base-models/found-model.ts';
import { requestDownload } from '../../models/base-models/request-download.ts';
import type { Run } from '../../models/runs/run.ts';
import { setPhase } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import { TransientError } from '../../platform/failure.ts';
import { pinIndexModel, pinModel } from '../../runs/pinned-model.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import { FAILURE_TYPES, type ModelComes, type RunRef } from '../../workflows/contract.ts';
import { openRun } from './open-run.ts';

/**
 * Finds the run's models on this machine, complete and in a safe format, and keeps which revisions they are. One that is not there,
 * of a run that may fetch it, is asked for. May run twice: then the download is open already.
 */
export function createVerifyModel(env: Env) {
  return async function verifyModel({ runId }: RunRef): Promise<{ path: string } | ModelComes> {
    const run = await openRun(runId);
    // Of a run that is further, whose workflow was lost, the phase stays: it says whether it waits for a worker, or is paused.
    await setPhase(runId, 'pending', 'verifying_model');
    const found = await findModels(env, run);
    await runStoreOf(env, run)?.givePins();
    const missing = run.spec.download ? missingIn([found.model, found.index]) : null;
    return missing ? await comes(missing, env) : { path: usable(found.model).path };
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
  const { model, index } = await findModels(env, run);
  return { model: usable(model), index: index && usable(index) };
}

async function findModels(env: Env, run: Run): Promise<{ model: FoundModel; index: FoundModel | null }> {
  return { model: await pinModel(env, run), index: await pinIndexModel(env, run) };
}

function usable(found: FoundModel): NamedModel {
  if (found.available) return { name: found.resolved_name, path: found.path };
  throw ApplicationFailure.nonRetryable(found.errors.join(' '), FAILURE_TYPES.modelUnavailable);
}

function missingIn(models: (FoundModel | null)[]): HubModel | null {
  return models.map((found) => (found === null || found.available ? null : found.on_hub)).find(Boolean) ?? null;
}

async function comes(missing: HubModel, env: Env): Promise<ModelComes> {
  const { download } = await requestDownload(missing, 'a run', env);
  // It came since we looked; or into a cache that this process does not see.
  if (download.status === 'completed')
    throw new TransientError(
      `Download ${download.id} brought ${download.name} into the cache of ${download.host}, and it is not in ${env.modelCache} of the orchestrator. Let both use one cache (HF_HUB_CACHE).`,
    );
  return { to: 'download', downloadId: download.id };
}
