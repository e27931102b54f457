import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { QueryTypes } from 'sequelize';
import { DELETING, folderOf, isRepository } from '../../base-models/model-cache.ts';
import { ModelDownload, OPEN_DOWNLOADS } from '../../models/base-models/model-download.ts';
import { connection } from '../../models/runs/run.ts';
import { OPEN_STATUSES } from '../../models/runs/statuses.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, NotFoundError, UserError } from '../../platform/failure.ts';
import { errnoOf, ifThere } from '../../platform/files.ts';

/** Runs that have not ended and were asked for with this model, under any of its revisions. */
const USERS = `SELECT workflow_id FROM runs
  WHERE status = ANY($statuses) AND $name IN (split_part(spec->>'base_model', '@', 1), split_part(spec->>'embedding_model', '@', 1))
  ORDER BY id LIMIT 10`;

/**
 * Removes a model from the cache of this machine, with all of its revisions. It is gone at once and as a whole: what a kill leaves
 * of it is no model any more, and is tidied up.
 * @throws NotFoundError; UserError for what is not in the cache; ConflictError while an open run or download has it
 */
export async function deleteModel(name: string, env: Env): Promise<void> {
  if (isAbsolute(name) || !isRepository(name))
    throw new UserError(
      `${JSON.stringify(name)} cannot be deleted: only a whole model of the cache can, by its name ORG/NAME. Remove a directory by hand.`,
    );
  const runs = await connection().query<{ workflow_id: string }>(USERS, {
    bind: { name, statuses: OPEN_STATUSES },
    type: QueryTypes.SELECT,
  });
  if (runs.length > 0)
    throw new ConflictError(
      `${name} is used by ${runs.map(({ workflow_id }) => workflow_id).join(', ')}. Wait for their end, or cancel them, then delete it.`,
    );
  const download = await ModelDownload.findOne({ where: { name, host: env.hostName, status: OPEN_DOWNLOADS } });
  if (download)
    throw new ConflictError(`Download ${download.id} brings ${name} in. Cancel it, or wait for its end, then delete.`);
  const gone = join(env.modelCache, `${DELETING}${randomUUID()}`);
  try {
    await rename(join(env.modelCache, folderOf(name)), gone);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new NotFoundError(
      `There is no model ${name} in the cache ${env.modelCache}. GET /models/ lists those that are there.`,
    );
  }
  await rm(gone, { recursive: true, force: true });
}

/** Removes what a kill left of models while they were deleted. */
export async function tidyDeletedModels({ modelCache }: Pick<Env, 'modelCache'>): Promise<void> {
  for (const name of (await ifThere(readdir(modelCache))) ?? [])
    if (name.startsWith(DELETING)) await rm(join(modelCache, name), { recursive: true, force: true });
}
