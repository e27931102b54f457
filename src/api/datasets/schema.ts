import { z } from 'zod';
import { MappingSchema } from '../../datasets/row-format.ts';
import {
  dateField,
  idField,
  integerParam,
  metadataPatch,
  nameField,
  pageOf,
  searchQuery,
  textField,
} from '../shared-schema.ts';

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
  })
  .openapi('Dataset');

export const DatasetListSchema = pageOf(DatasetSchema).openapi('DatasetList');

const formFields = { name: nameField, description: textField.optional() };

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
  file: z.string().openapi({ format: 'binary', description: 'CSV or JSON, also JSON lines, also gzip' }),
  ...formFields,
  mapping: MappingSchema.optional().openapi({
    description: 'How a row becomes a conversation',
    example: { prompt: 'question', completion: 'answer' },
  }),
});

export const DatasetPatch = metadataPatch.openapi('DatasetPatch');

export const DatasetListQuery = searchQuery(10);

export const PreviewQuery = z.strictObject({
  rows: integerParam(1, 100).default(10),
});
export const PreviewSchema = z
  .object({
    columns: z.array(z.string()),
    rows: z.array(
      z.object({
        row_number: z.int(),
        values: z.record(z.string(), z.string().nullable()),
        messages: z.array(z.object({ role: z.string(), content: z.string() })).nullable(),
        unusable: z.string().nullable(),
      }),
    ),
  })
  .openapi('DatasetPreview');
