import type { Context } from 'koa';
import { addPart } from '../../../commands/openai/upload-parts.ts';
import { MOST_PART_BYTES } from '../../../commands/openai/uploads.ts';
import type { OpenAiUploadPart } from '../../../models/openai/openai-upload.ts';
import { type FileLimits, receiveUpload } from '../../datasets/receive.ts';
import type { UploadDependencies } from '../../datasets/upload.ts';
import { check } from '../../http/request.ts';
import { PartForm } from './schema.ts';

/** Takes a form with a part of an upload. Nothing of a part stays that did not come to its end. */
export async function receivePart(
  ctx: Context,
  uploadId: string,
  { env, uploads, room }: UploadDependencies,
): Promise<OpenAiUploadPart> {
  return await uploads.watch(ctx, (watched) =>
    addPart(uploadId, env, (dir, { bytes }) =>
      receiveUpload(ctx, limitsOf(bytes), dir, { ...watched, room }, (fields) => check(PartForm, fields, 'form')),
    ),
  );
}

function limitsOf(uploadBytes: number): FileLimits {
  const mostBytes = Math.min(MOST_PART_BYTES, uploadBytes);
  const tooLarge = `The part is larger than ${mostBytes} bytes: a part has 64 MiB at most, and no more than its upload. Send it in smaller ones.`;
  return { field: 'data', mostBytes, tooLarge };
}
