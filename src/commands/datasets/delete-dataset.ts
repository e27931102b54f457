import type { Env } from '../../platform/env.ts';
import { ConflictError } from '../../platform/failure.ts';
import { usersOf } from './dataset-users.ts';
import { findDataset } from './find-dataset.ts';
import { deleteWithFiles } from './storage.ts';

const NAMED_USERS = 10;

/** Deletes a dataset with its files. @throws NotFoundError; ConflictError while a job or project uses it */
export async function deleteDataset(id: number, env: Env): Promise<void> {
  const dataset = await findDataset(id);
  const { users, total } = await usersOf(id, { limit: NAMED_USERS, offset: 0 });
  if (total > 0) {
    const named = users.map((user) => `${user.kind} ${user.id} (${user.name})`).join(', ');
    const others = total > users.length ? ` and ${total - users.length} more (GET /datasets/${id}/users)` : '';
    throw new ConflictError(`Dataset ${id} is used by ${named}${others}. Keep it, or delete those first.`);
  }
  await deleteWithFiles(env, dataset, () => dataset.destroy());
}
