import type { z } from 'zod';
import type { OpenAiFile } from '../../../models/openai/openai-file.ts';
import type { OpenAiUpload, OpenAiUploadPart } from '../../../models/openai/openai-upload.ts';
import { presentFile } from '../files/present.ts';
import { seconds } from '../lists.ts';
import type { PartSchema, UploadSchema } from './schema.ts';

export function presentUpload(upload: OpenAiUpload, file: OpenAiFile | null = null): z.input<typeof UploadSchema> {
  return {
    id: upload.id,
    object: 'upload',
    bytes: upload.bytes,
    created_at: seconds(upload.created_at),
    expires_at: seconds(upload.expires_at),
    filename: upload.filename,
    purpose: upload.purpose,
    status: upload.status,
    file: file && presentFile(file),
  };
}

export function presentPart({ id, created_at, upload_id }: OpenAiUploadPart): z.input<typeof PartSchema> {
  return { id, object: 'upload.part', created_at: seconds(created_at), upload_id };
}
