import { z } from 'zod';
import { UPLOAD_PURPOSES } from '../../../models/openai/openai-file.ts';
import { cursorQuery, listOf, presentList } from '../lists.ts';

export const FILE = {
  id: 'file-BK7bzQj3FfZFXr7DbL6xJwfo',
  object: 'file' as const,
  bytes: 1024,
  created_at: 1_790_000_000,
  filename: 'rows.jsonl',
  purpose: 'fine-tune',
  status: 'processed' as const,
  status_details: null,
};

export const FileParams = z.object({ file_id: z.string().min(1).max(255) });

export const FileSchema = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: z.int().openapi({ description: 'In seconds since 1970' }),
    expires_at: z.int().optional().openapi({ description: 'Only of a file that does' }),
    filename: z.string(),
    purpose: z.string(),
    status: z
      .enum(['uploaded', 'processed', 'error'])
      .openapi({ description: 'Always processed: a training file that cannot be used fails its fine-tuning job' }),
    status_details: z.string().nullable().openapi({ description: 'Why a training file cannot be used' }),
  })
  .openapi('OpenAiFile', { example: FILE });

export const FileListSchema = listOf(FileSchema).openapi('OpenAiFileList', {
  example: presentList([FILE], 1),
});

export const FileListQuery = cursorQuery({ most: 10_000, standard: 10_000 }).extend({
  order: z.enum(['asc', 'desc']).default('desc').openapi({ description: 'By when they came' }),
  purpose: z.string().min(1).max(64).optional(),
});

export const FileDeletedSchema = z
  .object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })
  .openapi('OpenAiFileDeleted', { example: { id: FILE.id, object: 'file', deleted: true } });

const LEAST_SECONDS = 3_600;
const MOST_SECONDS = 2_592_000;
const ANCHOR = 'expires_after[anchor]';
const SECONDS = 'expires_after[seconds]';

/** When a file is deleted by itself. */
export const ExpiresAfter = z.strictObject({
  anchor: z.literal('created_at'),
  seconds: z.int().min(LEAST_SECONDS).max(MOST_SECONDS),
});

/** The fields beside the file, as a form writes them: what is nested, in brackets. */
export const FileForm = z
  .strictObject({
    purpose: z.enum(UPLOAD_PURPOSES),
    [ANCHOR]: z.literal('created_at').optional(),
    [SECONDS]: z
      .string()
      .regex(/^\d{1,9}$/, 'must be a whole number of seconds')
      .transform(Number)
      .pipe(z.int().min(LEAST_SECONDS).max(MOST_SECONDS))
      .optional(),
  })
  .refine((form) => (form[ANCHOR] === undefined) === (form[SECONDS] === undefined), {
    path: ['expires_after'],
    message: `needs both anchor (created_at) and seconds (${LEAST_SECONDS} to ${MOST_SECONDS})`,
  })
  .transform((form) => ({ purpose: form.purpose, expiresAfterS: form[SECONDS] ?? null }));

/** The same for the document. */
export const FileUpload = z.strictObject({
  purpose: z.enum(UPLOAD_PURPOSES),
  file: z.string().openapi({
    format: 'binary',
    description: 'For fine-tune: JSON lines of chats (messages), or of prompts with their completions',
  }),
  expires_after: ExpiresAfter.optional().openapi({
    description: 'As expires_after[anchor] and expires_after[seconds]',
  }),
});
