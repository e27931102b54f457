import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Op, QueryTypes } from 'sequelize';
import { isOpen, isOver, OpenAiUpload, OpenAiUploadPart } from '../../models/openai/openai-upload.ts';
import { connection } from '../../models/runs/run.ts';
import { makeFolder } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, NotFoundError, UserError } from '../../platform/failure.ts';
import { ifThere, requireRoom } from '../../platform/files.ts';
import { incomingDir } from '../datasets/storage.ts';
import { newId } from './files.ts';

/** By OpenAI's rules. */
export const MOST_UPLOAD_BYTES = 8 * 1024 ** 3;
export const MOST_PART_BYTES = 64 * 1024 ** 2;
const LIFE_MS = 3_600_000;
/** One that has ended says so for a day to whoever asks again. */
const KEEP_ENDED_MS = 24 * 3_600_000;

/** An upload as it is asked for. */
export interface NewUpload {
  bytes: number;
  filename: string;
  purpose: string;
  expiresAfterS: number | null;
}

/**
 * Where the parts of an upload lie until it ends. It is in the folder for what comes in: what the tidy-up misses goes with what else is
 * old there (sweep.ts).
 */
export function partsDir(env: Env, id: string): string {
  return join(incomingDir(env), id);
}

/** @throws UserError for more than is taken; NoRoomError where parts and file would not fit */
export async function createUpload(asked: NewUpload, env: Env): Promise<OpenAiUpload> {
  const { bytes, filename, purpose, expiresAfterS: expires_after_s } = asked;
  if (bytes > env.maxUploadBytes)
    throw new UserError(
      `bytes is ${bytes}, and this service takes ${env.maxUploadBytes} at most (MTM_MAX_UPLOAD_BYTES). Send a smaller file.`,
      { field: 'bytes' },
    );
  // Its parts, and the file that they are put together to.
  await requireRoom(incomingDir(env), 2 * bytes);
  const id = newId('upload_');
  const dir = partsDir(env, id);
  await makeFolder(dir);
  try {
    const expires_at = new Date(Date.now() + LIFE_MS);
    return await OpenAiUpload.create({ id, bytes, filename, purpose, expires_after_s, expires_at });
  } catch (error) {
    // Nobody knows its name, whether there is a row or not.
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/** @throws NotFoundError */
export async function findUpload(id: string): Promise<OpenAiUpload> {
  const upload = await OpenAiUpload.findByPk(id);
  if (!upload) throw new NotFoundError(`No such Upload object: ${id}.`);
  return upload;
}

/** @throws NotFoundError; ConflictError for one that has ended */
export async function findOpenUpload(id: string): Promise<OpenAiUpload> {
  const upload = await OpenAiUpload.findOne({ where: { id, ...isOpen() } });
  if (!upload) throw whyEnded(await findUpload(id));
  return upload;
}

/** Why an upload takes nothing any more. */
export function whyEnded({ id, status }: OpenAiUpload): ConflictError {
  const end = status === 'completed' || status === 'cancelled' ? `was ${status}` : 'has expired: it lives for an hour';
  return new ConflictError(`The upload ${id} ${end}. Create another one with POST /v1/uploads.`);
}

/**
 * Ends an upload; who cancels it again gets it again. Its parts are still to be removed.
 * @throws NotFoundError; ConflictError for one that has ended otherwise
 */
export async function cancelUpload(id: string): Promise<OpenAiUpload> {
  await OpenAiUpload.update({ status: 'cancelled' }, { where: { id, ...isOpen() } });
  const upload = await findUpload(id);
  if (upload.status !== 'cancelled') throw whyEnded(upload);
  return upload;
}

/** Removes the parts of an upload that has ended. Nothing can be added to them meanwhile. */
export async function removeParts(id: string, env: Env): Promise<void> {
  const dir = partsDir(env, id);
  const gone = `${dir}.gone`;
  await ifThere(rename(dir, gone));
  await rm(gone, { recursive: true, force: true });
  await OpenAiUploadPart.destroy({ where: { upload_id: id } });
}

/** Ends uploads whose time has come, removes the parts of those that have ended, and forgets those that ended long ago. */
export async function tidyUploads(env: Env): Promise<void> {
  const [, expired] = await OpenAiUpload.update({ status: 'expired' }, { where: isOver(), returning: true });
  // Whoever ended them was killed before their parts were removed.
  const ended = await connection().query<{ id: string }>(
    `SELECT id FROM openai_uploads AS upload WHERE status <> 'pending'
     AND EXISTS (SELECT 1 FROM openai_upload_parts WHERE upload_id = upload.id)`,
    { type: QueryTypes.SELECT },
  );
  for (const id of new Set([...expired, ...ended].map((upload) => upload.id))) await removeParts(id, env);
  const longAgo = new Date(Date.now() - KEEP_ENDED_MS);
  await OpenAiUpload.destroy({ where: { status: { [Op.ne]: 'pending' }, expires_at: { [Op.lte]: longAgo } } });
}
