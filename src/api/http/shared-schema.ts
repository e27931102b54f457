import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { AskedStartSchema } from '../../models/runs/start.ts';
import { timeSchema } from '../../models/time-schema.ts';
import { TRACKERS } from '../../models/trackers/trackers.ts';

// Once, before any schema is made: gives schemas their `.openapi()`.
extendZodWithOpenApi(z);

/** What lists can be sorted by, upwards and downwards. */
export const SORTS = ['id', '-id', 'name', '-name', 'created_at', '-created_at'] as const;

const LARGEST_ID = 2_147_483_647;

export const ErrorSchema = z
  .object({ detail: z.string() })
  .openapi('Error', { example: { detail: 'Dataset 7 not found.' } });

/** Of an answer 202: what was asked for is not done yet. */
export const StillAtWorkSchema = z
  .object({ detail: z.string(), progress_percent: z.number().nullable() })
  .openapi('StillAtWork', {
    example: {
      detail:
        'It takes longer than an answer may. It goes on: send the same request again, and it is answered when it is done.',
      progress_percent: 42.5,
    },
  });

/** An integer in a path or a query: decimal digits. */
export function integerParam(min: number, max: number) {
  const toNumber = (text: unknown) => (typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : text);
  return z.preprocess(toNumber, z.int().min(min).max(max));
}

export const IdParams = z.object({ id: integerParam(1, LARGEST_ID) });

export const idField = z.int().min(1).max(LARGEST_ID);

/**
 * A text of at most so many characters, counted as PostgreSQL and JSON Schema count: an emoji is one. PostgreSQL's texts
 * hold every character but NUL. The pattern is for the document: as a check it would take quadratic time.
 */
function text(min: 0 | 1, max: number) {
  return z
    .string()
    .refine((value) => !value.includes('\0'), 'must not have a NUL character')
    .refine((value) => !/\p{Surrogate}/u.test(value), 'must not have half of a surrogate pair')
    .refine((value) => min === 0 || value.trim() !== '', 'must not be blank')
    .refine((value) => [...value].length <= max, `must not be longer than ${max} characters`)
    .openapi({
      minLength: min,
      maxLength: max,
      pattern: min === 0 ? '^[^\\u0000]*$' : '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
    });
}

/** Of what is refused since it would not fit (src/commands/estimates/require-fit.ts). */
export const forceField = z
  .boolean()
  .optional()
  .openapi({ description: 'Go on although an estimate says that memory or disk would not suffice' });

/** Of what is trained (src/models/trackers/configured-trackers.ts). */
export const trackersField = z
  .array(z.enum(TRACKERS))
  .refine((names) => new Set(names).size === names.length, 'must not name a tracker twice')
  .openapi({
    uniqueItems: true,
    description: 'Trackers that its runs are sent to, of those that are configured: mlflow, wandb, trackio.',
  });

/** Of what is trained on a base model (src/commands/runs/require-models.ts). */
export const downloadField = z.boolean().optional().openapi({
  description:
    'Fetch the base model from the Hugging Face hub if it is not on this machine: the run waits for it in the phase downloading_model',
});

export const nameField = text(1, 255).trim();

/** Digits alone are an id, and # and parentheses are of names that the service gives itself (`MTM_API_KEYS #1`, `(anyone)`). */
const KEY_NAME = /^[^\s\d#()\p{Cc}\p{Cs}][^#()\p{Cc}\p{Cs}]{0,99}$/u;
export const keyNameField = text(1, 100)
  .regex(KEY_NAME, 'must begin with a letter or sign, and have no #, parentheses or line breaks')
  .trim()
  .openapi({
    pattern: '^[^\\s\\d#()\\u0000-\\u001f\\u007f-\\u009f\\ufeff][^#()\\u0000-\\u001f\\u007f-\\u009f]{0,99}$',
    example: 'laptop of Kim',
  });
export const questionField = text(1, 10_000).trim();

/** Of what answers: also a tuned model, whose name on OpenAI's wire has that of its base in it. */
export const modelNameField = text(1, 512).openapi({
  description: 'As GET /v1/models lists them; a tuned one also with :ckpt-step-N',
  example: 'job-1-run-1',
});

/** Of jobs and projects. */
export const embeddingModelField = nameField.openapi({
  description:
    'For training_type rag: the model that makes the index, where the base model writes text and answers from it. Left out: the one that is installed',
  example: 'sentence-transformers/all-MiniLM-L6-v2',
});

/** Of jobs and projects: see src/models/runs/start.ts. */
export const startsFromField = AskedStartSchema.nullable()
  .optional()
  .openapi({ example: { job_id: 12, checkpoint: 100 } });

export const textField = text(0, 10_000);
export const reasonField = text(1, 2_000);

/** Query of a list; `size` is the reference's default for its resource. */
export function pageQuery(size: number) {
  return z.strictObject({
    page: integerParam(1, 1_000_000).default(1),
    page_size: integerParam(1, 100).default(size),
  });
}

export const dateFilter = timeSchema.optional();

const MOST_IDS = 100;

/** 1 to LARGEST_ID in decimal digits, digit by digit: a pattern of the document has no other way to say it. */
const ID =
  '([1-9]\\d{0,8}|1\\d{9}|20\\d{8}|21[0-3]\\d{7}|214[0-6]\\d{6}|2147[0-3]\\d{5}|21474[0-7]\\d{4}|214748[0-2]\\d{3}|2147483[0-5]\\d{2}|21474836[0-3]\\d|214748364[0-7])';

const idsFilter = z
  .string()
  .regex(
    new RegExp(`^${ID}(,${ID}){0,${MOST_IDS - 1}}$`),
    `must be 1 to ${MOST_IDS} numbers from 1 to ${LARGEST_ID} with commas between them, as 3,5,8`,
  )
  .transform((list) => list.split(',').map(Number))
  .optional()
  .openapi({ description: 'Those with these numbers alone', example: '3,5,8' });

/** Each word is a condition on several columns. */
const MOST_WORDS = 10;
const WORDS = new RegExp(`^\\s*[^\\s\\u0000]+(\\s+[^\\s\\u0000]+){0,${MOST_WORDS - 1}}\\s*$`);

const searchFilter = text(1, 255).regex(WORDS, `must be 1 to ${MOST_WORDS} words`).optional().openapi({
  pattern: WORDS.source,
  description:
    'Words, each of which has to be in the name, or, of what is trained, in that of its base model or of a dataset that it trains on; a number is also that of the thing itself, which comes first then (`job 3`, `job-3-run-1`)',
});

/** What a list is sorted by; its newest first, where nothing is said. */
export function sortBy<const Sorts extends readonly ['id', '-id', ...string[]]>(sorts: Sorts) {
  return z.enum(sorts).default('-id').openapi({ description: 'With a minus: downwards' });
}

/** Query of a list that can be searched and sorted; what it means is in list-query.ts. */
export function searchQuery(size: number) {
  return pageQuery(size).extend({
    name: text(1, 255).optional().openapi({ description: 'Part of the name' }),
    search: searchFilter,
    ids: idsFilter,
    created_after: dateFilter,
    created_before: dateFilter,
    sort: sortBy(SORTS),
  });
}

/** A page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), total: z.int(), page: z.int(), page_size: z.int(), pages: z.int() });
}

/** The first page of a list with this one thing, for the document. */
export function examplePage<Item>(item: Item) {
  return { items: [item], total: 1, page: 1, page_size: 10, pages: 1 };
}

/** What may be changed of a thing that exists: how it is called. */
export const metadataPatch = z.strictObject({
  name: nameField.optional(),
  description: textField.nullable().optional(),
});

export const IDEMPOTENCY_HEADER = 'Idempotency-Key';

/** What the endpoints that create may be sent; see idempotency.ts. */
export const IdempotencyHeaders = z.object({
  [IDEMPOTENCY_HEADER]: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'send 1 to 255 visible ASCII characters, for example a UUID')
    .optional()
    .openapi({
      description:
        'Sent again with the same key, a request creates nothing new: its first answer comes again. For example a UUID.',
    }),
});

/** What a download may be asked with; see download.ts. */
export const RangeHeaders = z.object({
  Range: z.string().optional().openapi({ description: 'One range of bytes', example: 'bytes=1048576-' }),
  'If-Range': z
    .string()
    .optional()
    .openapi({ description: 'The ETag of what the client has a part of: all of it is sent when it is another' }),
  'If-None-Match': z.string().optional().openapi({ description: 'The ETag of what the client has' }),
});

/** Of jobs, projects and sweeps. */
export const createdByField = z.string().nullable().openapi({
  description: 'The name of the key that asked for it; null: of a service without keys, or from before',
});

export const dateField = z.iso.datetime().openapi({ example: '2024-01-01T00:00:00Z' });

/** RFC 3339 in UTC, as the reference writes it. */
export function date(value: Date): string;
export function date(value: Date | null): string | null;
export function date(value: Date | null): string | null {
  return value === null ? null : value.toISOString();
}
