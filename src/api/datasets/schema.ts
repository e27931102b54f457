import { z } from 'zod';
import { ON_BAD_ROWS } from '../../datasets/good-rows.ts';
import { MappingSchema } from '../../datasets/rows/mapping.ts';
import {
  dateField,
  examplePage,
  idField,
  integerParam,
  metadataPatch,
  nameField,
  pageOf,
  pageQuery,
  SORTS,
  searchQuery,
  sortBy,
  textField,
} from '../http/shared-schema.ts';

const DATASET = {
  id: 1,
  name: 'Training Dataset',
  description: 'Sample training data',
  filename: 'data.csv',
  file_path: '/uploads/abc123.csv',
  file_type: 'csv',
  file_size: 1024,
  row_count: 100,
  column_count: 2,
  columns: '["input", "output"]',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:00:00Z',
  mapping: { prompt: 'input', completion: 'output' },
  usable_row_count: 100,
  unusable: [],
  unused: [],
  alternatives: [],
  notes: [],
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};

export const unusedPart = z.object({
  part: z.string().openapi({ description: 'A column, or keys of messages, as messages[].key' }),
  rows: z.int(),
  first_row: z.int(),
});

export const DatasetSchema = z
  .object({
    id: idField,
    name: z.string(),
    description: z.string().nullable(),
    filename: z.string(),
    file_path: z.string(),
    file_type: z.string(),
    file_size: z.int(),
    row_count: z.int(),
    column_count: z.int(),
    columns: z.string(),
    created_at: dateField,
    updated_at: dateField,
    mapping: z.record(z.string(), z.string()).nullable(),
    usable_row_count: z.int(),
    unusable: z.array(z.object({ problem: z.string(), rows: z.int(), first_row: z.int() })),
    unused: z.array(unusedPart),
    alternatives: z
      .array(z.record(z.string(), z.string()))
      .openapi({ description: 'Other mappings that fit at least half of the rows' }),
    notes: z.array(z.string()),
    sha256: z.string().nullable().openapi({ description: 'Of the file as it was uploaded' }),
  })
  .openapi('Dataset', { example: DATASET });

export const DatasetListSchema = pageOf(DatasetSchema).openapi('DatasetList', { example: examplePage(DATASET) });

const formFields = {
  name: nameField,
  description: textField.optional(),
  on_bad_rows: z.enum(ON_BAD_ROWS).optional().openapi({
    description:
      'What is done with rows that cannot be read: refuse the file (the default), or skip them and say how many',
  }),
};

/** The fields beside the file. `mapping` is JSON text, since a form has texts only. */
export const DatasetForm = z.strictObject({
  ...formFields,
  mapping: z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({
          code: 'custom',
          message: 'must be JSON, for example {"prompt": "question", "completion": "answer"}',
        });
        return z.NEVER;
      }
    })
    .pipe(MappingSchema)
    .optional(),
});

/** The same as OpenAPI shows it: a part that is no text is JSON. */
export const DatasetUpload = z.strictObject({
  file: z
    .string()
    .openapi({ format: 'binary', description: 'CSV, TSV, JSON, JSON lines or Parquet, also as gzip or zstd' }),
  ...formFields,
  mapping: MappingSchema.optional().openapi({
    description: 'How a row becomes a conversation',
    example: { prompt: 'question', completion: 'answer' },
  }),
});

export const DatasetPatch = metadataPatch
  .extend({
    mapping: MappingSchema.optional().openapi({
      description: 'How a row becomes a conversation, from now on',
      example: { prompt: 'question', completion: 'answer' },
    }),
  })
  .openapi('DatasetPatch');

const DATASET_SORTS = [...SORTS, 'row_count', '-row_count', 'file_size', '-file_size'] as const;

export const DatasetListQuery = searchQuery(10).extend({ sort: sortBy(DATASET_SORTS) });

export const DatasetUsersQuery = pageQuery(50);
const USER = { kind: 'project' as const, id: 1, name: 'My Reasoning Project' };
export const DatasetUsersSchema = pageOf(
  z.object({ kind: z.enum(['job', 'project']), id: idField, name: z.string() }),
).openapi('DatasetUsers', { example: examplePage(USER) });

export const PreviewQuery = z.strictObject({
  offset: integerParam(0, 2_147_483_647).default(0),
  rows: integerParam(1, 100).default(10),
});
export const rejectedMessages = z
  .array(z.looseObject({ role: z.string(), content: z.string() }))
  .nullable()
  .openapi({ description: 'Of preferences: what the other answer has in place of that which is learnt' });
export const PreviewSchema = z
  .object({
    columns: z.array(z.string()),
    rows: z.array(
      z.object({
        row_number: z.int(),
        values: z.record(z.string(), z.string().nullable()),
        messages: z.array(z.looseObject({ role: z.string(), content: z.string() })).nullable(),
        rejected: rejectedMessages,
        tools: z.array(z.unknown()).nullable(),
        unusable: z.string().nullable(),
        unused: z
          .array(z.string())
          .openapi({ description: 'What training makes no use of: columns, and keys of messages' }),
      }),
    ),
  })
  .openapi('DatasetPreview', {
    example: {
      columns: ['input', 'output'],
      rows: [
        {
          row_number: 0,
          values: { input: 'What is 2 + 2?', output: '4' },
          messages: [
            { role: 'user', content: 'What is 2 + 2?' },
            { role: 'assistant', content: '4' },
          ],
          rejected: null,
          tools: null,
          unusable: null,
          unused: [],
        },
      ],
    },
  });

export const UploadParams = z.strictObject({ id: z.uuid() });
export const UploadListSchema = z
  .object({
    items: z.array(
      z.object({
        id: z.uuid(),
        filename: z.string().nullable(),
        phase: z.enum(['receiving', 'converting']),
        received_bytes: z.int(),
        total_bytes: z.int().nullable(),
        progress: z.number().openapi({ description: 'Percent of the phase' }),
        started_at: dateField,
      }),
    ),
  })
  .openapi('UploadList', {
    example: {
      items: [
        {
          id: '0b9c6f2e-6f5c-4a54-9f0b-0d2f7a3a5a11',
          filename: 'chats.jsonl',
          phase: 'converting',
          received_bytes: 1_048_576_000,
          total_bytes: 1_048_576_000,
          progress: 45.5,
          started_at: '2024-01-01T00:00:00Z',
        },
      ],
    },
  });
