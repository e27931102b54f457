import { z } from 'zod';
import { MOST_PART_BYTES, MOST_UPLOAD_BYTES } from '../../../commands/openai/uploads.ts';
import { UPLOAD_PURPOSES } from '../../../models/openai/openai-file.ts';
import { plainName } from '../../datasets/receive.ts';
import { ExpiresAfter, FILE, FileSchema } from '../files/schema.ts';

const ID = 'upload_2Yg8oBQrSgvMmsNSoJNfPGXk';
const PART = {
  id: 'part_0bQjVzLhSgvMmsNSoJNfPGXk',
  object: 'upload.part' as const,
  created_at: 1_790_000_000,
  upload_id: ID,
};

export const UploadParams = z.object({ upload_id: z.string().min(1).max(255) });

export const UploadCreate = z
  .strictObject({
    bytes: z.int().min(0).max(MOST_UPLOAD_BYTES).openapi({
      description:
        'Of the whole file. MTM_MAX_UPLOAD_BYTES may allow less; the disk has to have room for twice as much',
    }),
    filename: z
      .string()
      .min(1)
      .max(255)
      .transform(plainName)
      .pipe(z.string({ error: 'must be a name without control characters' }))
      .openapi({ type: 'string', minLength: 1, maxLength: 255 }),
    mime_type: z
      .string()
      .min(1)
      .max(255)
      .openapi({ description: 'Not used: the purpose decides what becomes of a file' }),
    purpose: z.enum(UPLOAD_PURPOSES),
    expires_after: ExpiresAfter.nullable()
      .optional()
      .openapi({ description: 'When the file is deleted, counted from when it is there' }),
  })
  .openapi('OpenAiUploadCreate', {
    example: { bytes: FILE.bytes, filename: FILE.filename, mime_type: 'text/jsonl', purpose: FILE.purpose },
  });

/** No fields beside the part. */
export const PartForm = z.strictObject({});

export const PartUpload = z.strictObject({
  data: z.string().openapi({ format: 'binary', description: `${MOST_PART_BYTES} bytes (64 MiB) at most` }),
});

export const UploadComplete = z
  .strictObject({
    part_ids: z.array(z.string().min(1).max(255)).openapi({ description: 'In the order of the file, each once' }),
    md5: z
      .string()
      .regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hexadecimal digits')
      .nullable()
      .optional()
      .openapi({ description: 'Of the whole file, in hexadecimal' }),
  })
  .openapi('OpenAiUploadComplete', { example: { part_ids: [PART.id] } });

export const PartSchema = z
  .object({
    id: z.string(),
    object: z.literal('upload.part'),
    created_at: z.int().openapi({ description: 'In seconds since 1970' }),
    upload_id: z.string(),
  })
  .openapi('OpenAiUploadPart', { example: PART });

export const UploadSchema = z
  .object({
    id: z.string(),
    object: z.literal('upload'),
    bytes: z.int(),
    created_at: z.int().openapi({ description: 'In seconds since 1970' }),
    expires_at: z.int().openapi({ description: 'An hour later: until then it can be completed' }),
    filename: z.string(),
    purpose: z.string(),
    status: z.enum(['pending', 'completed', 'cancelled', 'expired']),
    // nullable() would make null of each file of the document.
    file: z.union([FileSchema, z.null()]).openapi({ description: 'Null until it is completed' }),
  })
  .openapi('OpenAiUpload', {
    example: {
      id: ID,
      object: 'upload',
      bytes: FILE.bytes,
      created_at: PART.created_at,
      expires_at: PART.created_at + 3600,
      filename: FILE.filename,
      purpose: FILE.purpose,
      status: 'completed',
      file: FILE,
    },
  });
