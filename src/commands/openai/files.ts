import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { Op } from 'sequelize';
import { Dataset } from '../../models/datasets/dataset.ts';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, NotFoundError } from '../../platform/failure.ts';
import { deleteDataset } from '../datasets/delete-dataset.ts';
import { datasetsDir, deleteWithFiles } from '../datasets/storage.ts';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LETTERS = 24;

/** `file-` and 24 random letters and digits, as ids of that API look. */
export function newId(prefix: string): string {
  return prefix + [...randomBytes(ID_LETTERS)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** A file that has not expired. @throws NotFoundError */
export async function findFile(id: string): Promise<OpenAiFile> {
  const file = await OpenAiFile.findOne({ where: { id, ...isThere() } });
  if (!file) throw new NotFoundError(`No such File object: ${id}.`);
  return file;
}

/** Why the bytes of a file cannot be had. */
export async function contentIsGone({ id, dataset_id }: OpenAiFile): Promise<string> {
  const dataset = dataset_id === null ? null : await Dataset.findByPk(dataset_id);
  const because = dataset?.original_removed_because ?? null;
  return because === null
    ? `The content of ${id} is gone. Upload the file again.`
    : `The content of ${id} was ${because}. Its examples are there, and can be trained on; to have the content here, upload it again.`;
}

/** Condition for a file that has not expired. */
export function isThere() {
  return { expires_at: { [Op.or]: [null, { [Op.gt]: new Date() }] } };
}

/**
 * Deletes a file with what it was stored as. Where a job or project trains on it, or validates with it, the dataset stays as long
 * as that does, and keeps the bytes: a run is never left without its data.
 * @throws NotFoundError
 */
export async function deleteFile(id: string, env: Env): Promise<void> {
  await deleteStored(await findFile(id), env);
}

/** Deletes the files whose time has come. */
export async function deleteExpiredFiles(env: Env): Promise<void> {
  for (const file of await OpenAiFile.findAll({ where: { expires_at: { [Op.lte]: new Date() } } }))
    await deleteStored(file, env);
}

async function deleteStored(file: OpenAiFile, env: Env): Promise<void> {
  if (file.dataset_id === null) {
    const [stored = ''] = basename(file.path).split('.');
    const parquet_path = join(datasetsDir(env), `${stored}.parquet`);
    await deleteWithFiles(env, { file_path: file.path, parquet_path }, () => file.destroy());
    return;
  }
  try {
    // The row of the file goes with it.
    await deleteDataset(file.dataset_id, env);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    await file.destroy();
  }
}
