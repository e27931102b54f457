import { findIndexModel } from '../../base-models/embedding-model.ts';
import { findModel } from '../../base-models/find-model.ts';
import type { FoundModel } from '../../base-models/found-model.ts';
import { requireDownloadable } from '../../models/base-models/request-download.ts';
import type { Run } from '../../models/runs/run.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { findPinned, findPinnedIndexModel } from '../../runs/pinned-model.ts';
import type { RunOwner } from './owners.ts';

/** What jobs and projects call their base models. */
const BASE_MODEL = { job: 'model_name', project: 'base_model' } as const;

/**
 * Refuses a run whose models are not there, unless it fetches them, and they can be fetched. A job that does not fetch them is not
 * looked at: its run says so.
 * @param resumes the run that it goes on from, whose models are pinned
 * @throws UserError with the field; NotYetError where no host is there to fetch them
 */
export async function requireModels(
  env: Env,
  kind: RunOwner['kind'],
  spec: RunSpec,
  resumes: Run | null,
): Promise<void> {
  if (kind === 'job' && !spec.download) return;
  const model = resumes ? await findPinned(env, resumes) : await findModel(env, spec.base_model);
  const index = resumes ? await findPinnedIndexModel(env, resumes) : await findIndexModel(env, spec, model);
  for (const [field, found] of [[BASE_MODEL[kind], model] as const, ['embedding_model', index] as const]) {
    if (found === null || found.available) continue;
    if (!spec.download) throw new UserError(found.errors.join(' '), { field });
    await requireFetchable(env, field, found);
  }
}

/** Whether a base model is to be fetched before a run of it can begin. @throws as requireModels, where it cannot be */
export async function isFetched(env: Env, kind: RunOwner['kind'], name: string): Promise<boolean> {
  const found = await findModel(env, name);
  if (!found.available) await requireFetchable(env, BASE_MODEL[kind], found);
  return !found.available;
}

async function requireFetchable(env: Env, field: string, found: FoundModel): Promise<void> {
  if (found.available) return;
  if (found.on_hub !== null) return void (await requireDownloadable(found.on_hub, 'a run', env));
  throw new UserError(
    `${field} is ${JSON.stringify(found.model_name)}, which "download": true cannot fetch: that takes the name of a model on the hub, such as meta-llama/Llama-3.2-3B-Instruct, of which nothing is here. ${found.errors.join(' ')}`,
    { field },
  );
}
