import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { insertPart, type OpenAiUpload, OpenAiUploadPart } from '../../models/openai/openai-upload.ts';
import { makeDurable } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { errnoOf } from '../../platform/files.ts';
import { newId } from './files.ts';
import { findOpenUpload, findUpload, partsDir, whyEnded } from './uploads.ts';

/**
 * Adds a part, which `receive` writes into a folder of its own. Its row comes last, when its file is on the disk for good; what fails before
 * leaves nothing.
 * @throws NotFoundError; ConflictError for an upload that has ended by then; what `receive` does
 */
export async function addPart(
  uploadId: string,
  env: Env,
  receive: (dir: string, upload: OpenAiUpload) => Promise<{ path: string; bytes: number }>,
): Promise<OpenAiUploadPart> {
  const upload = await findOpenUpload(uploadId);
  const id = newId('part_');
  const dir = join(partsDir(env, uploadId), id);
  let isAsked = false;
  let part: OpenAiUploadPart | null = null;
  try {
    await mkdir(dir);
    const { path, bytes } = await receive(dir, upload);
    for (const each of [path, dir, dirname(dir)]) await makeDurable(each);
    isAsked = true;
    part = await insertPart({ id, uploadId, bytes, path });
  } catch (error) {
    // A row that was asked for may name it: it goes with the upload.
    if (!isAsked) await rm(dir, { recursive: true, force: true });
    // Who ended the upload meanwhile took its folder away.
    if (errnoOf(error) === 'ENOENT') await findOpenUpload(uploadId);
    throw error;
  }
  if (part) return part;
  await rm(dir, { recursive: true, force: true });
  throw whyEnded(await findUpload(uploadId));
}

/** The parts that make the file, in its order. @throws UserError where they do not */
export async function partsInOrder({ id, bytes }: OpenAiUpload, partIds: string[]): Promise<OpenAiUploadPart[]> {
  const field = 'part_ids';
  const found = new Map(
    (await OpenAiUploadPart.findAll({ where: { upload_id: id } })).map((part) => [part.id, part] as const),
  );
  const parts = partIds.map((partId) => {
    const part = found.get(partId);
    if (!part)
      throw new UserError(
        `part_ids has ${JSON.stringify(partId)}, which is no part of ${id}. Send the ids that POST /v1/uploads/${id}/parts was answered with.`,
        { field },
      );
    return part;
  });
  if (new Set(partIds).size < parts.length)
    throw new UserError('part_ids has a part twice. Name each part of the file once, in its order.', { field });
  const sum = parts.reduce((total, part) => total + part.bytes, 0);
  if (sum !== bytes)
    throw new UserError(
      `The parts of part_ids have ${sum} bytes, and the upload was created for ${bytes}. Name all parts of the file, in its order.`,
      { field },
    );
  return parts;
}
