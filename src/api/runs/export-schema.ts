import { z } from 'zod';
import { EXPORT_FORMATS, EXPORT_STATUSES, QUANTIZATIONS } from '../../models/exports/export.ts';
import { EXPORT_STAGES } from '../../trainer/model-export.ts';
import {
  dateField,
  examplePage,
  IdParams,
  idField,
  integerParam,
  nameField,
  pageOf,
  pageQuery,
} from '../http/shared-schema.ts';
import { whichRun } from './schema.ts';

const count = z.int().min(0);
const text = z.string().nullable();

const NO_LIBRARY =
  'no library that makes and loads it runs beside the versions of this service (docs/exports.md says which were looked at). Take gguf, or merged_4bit';
const NOT_MADE = new Map(['awq', 'gptq'].map((format) => [format, NO_LIBRARY]));

export const ExportCreate = z
  .strictObject({
    format: z
      .enum(EXPORT_FORMATS, { error: ({ input }) => NOT_MADE.get(String(input)) })
      .default('gguf')
      .openapi({
        description:
          'gguf: for llama.cpp, Ollama and LM Studio; gguf_adapter: the adapter alone, upon a GGUF of its base; merged_4bit: the model by bitsandbytes, for transformers; hub: the published model, with its card, in a repository of the Hugging Face hub, or of the one that HF_ENDPOINT names',
      }),
    quantization: z.enum(QUANTIZATIONS).optional().openapi({
      description: 'Of gguf: f16 keeps 16 bits a weight; the others about 8.5, 6.6, 5.7 and 4.8. Left out: q8_0',
    }),
    repository: nameField.optional().openapi({
      description: 'Of hub: ORG/NAME, which is made where it is not there',
    }),
    revision: nameField.optional().openapi({
      description: 'Of hub: the branch, which is made where it is not there. Left out: main',
    }),
    private: z.boolean().optional().openapi({
      description: 'Of hub: whether others may not see it. Left out: true, and a public repository is refused',
    }),
  })
  .openapi('ExportCreate', { example: { format: 'gguf', quantization: 'q8_0' } });

const EXAMPLE = {
  id: 1,
  run_number: 1,
  format: 'gguf' as const,
  quantization: 'q8_0' as const,
  repository: null,
  revision: null,
  private: null,
  status: 'completed' as const,
  stage: null,
  progress: null,
  waiting_for: null,
  error_message: null,
  files: [
    {
      path: 'job-1-run-1-q8_0.gguf',
      bytes: 144_810_944,
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    },
  ],
  verification: {
    rows: 16,
    answers: { asked: 16, equal: 15, nearly: 1 },
    loss: { model: 2.443, exported: 2.446, difference: 0.003, tokens: 312 },
    most_difference: 0.03,
  },
  verification_summary:
    'llama.cpp loads the file. It answers 16 of 16 held-out questions as the model does (1 of them with a word that is about as likely), and its loss on 312 tokens of 16 rows is 2.446, the model’s 2.443.',
  warnings: [],
  pushed: null,
  pinned: false,
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:01:00Z',
  finished_at: '2024-01-01T00:01:00Z',
};

export const ExportSchema = z
  .object({
    id: idField,
    run_number: z.int(),
    format: z.enum(EXPORT_FORMATS),
    quantization: z.enum(QUANTIZATIONS).nullable(),
    repository: text,
    revision: text,
    private: z.boolean().nullable(),
    status: z.enum(EXPORT_STATUSES),
    stage: z.enum(EXPORT_STAGES).nullable().openapi({ description: 'What is being done' }),
    progress: z.number().nullable().openapi({ description: 'Which part of the stage is done, from 0 to 1' }),
    waiting_for: text.openapi({ description: 'Why it does not go on now, though it has not failed' }),
    error_message: text.openapi({ description: 'Why it failed, and what to do' }),
    files: z.array(z.object({ path: z.string(), bytes: count, sha256: z.string() })),
    verification: z
      .object({
        rows: count,
        answers: z.object({
          asked: count,
          equal: count,
          nearly: count.openapi({ description: 'Where the first other word is about as likely' }),
        }),
        loss: z
          .object({
            model: z.number(),
            exported: z.number(),
            difference: z.number(),
            tokens: count,
          })
          .nullable()
          .openapi({ description: 'Mean losses, in nats a token' }),
        most_difference: z.number().openapi({ description: 'Of the losses, in this quantization' }),
      })
      .nullable()
      .openapi({
        description:
          'How the file, loaded by llama.cpp, or by transformers (merged_4bit), compares with its model; null of a push',
      }),
    verification_summary: text.openapi({ description: 'The same as a sentence; of a push, what the repository has' }),
    warnings: z.array(z.string()).openapi({ description: 'What the files cannot show of the model' }),
    pushed: z
      .object({
        url: z.string(),
        commit: z.string(),
        sent: z.array(z.string()).openapi({ description: 'Files that the repository did not have as they are' }),
        removed: z.array(z.string()).openapi({ description: 'Files of an earlier model' }),
      })
      .nullable()
      .openapi({ description: 'Where a push is, and what it came to' }),
    pinned: z.boolean().openapi({ description: 'No policy removes it' }),
    created_at: dateField,
    updated_at: dateField,
    finished_at: dateField.nullable(),
  })
  .openapi('Export', { example: EXAMPLE });

export const ExportParams = IdParams.extend({ export_id: integerParam(1, 2_147_483_647) });
export const ExportFileParams = ExportParams.extend({
  path: z.string().min(1).max(255).openapi({ description: 'A file of the export', example: 'job-1-run-1-q8_0.gguf' }),
});

export const ExportsQuery = pageQuery(10).extend(whichRun);

export const ExportsSchema = pageOf(ExportSchema).openapi('Exports', { example: examplePage(EXAMPLE) });
