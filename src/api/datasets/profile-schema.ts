import { z } from 'zod';
import { MappingSchema } from '../../datasets/rows/mapping.ts';
import { DEFAULT_MAX_LENGTH } from '../../models/runs/hyperparameter-choices.ts';
import { integerParam, nameField } from '../http/shared-schema.ts';
import { unusedPart } from './schema.ts';

const unusableRows = z.object({
  problem: z.string(),
  rows: z.int(),
  first_row: z.int().openapi({ description: 'Counts from 0' }),
});
const lengths = z.object({ min: z.int(), median: z.int(), p95: z.int(), max: z.int(), mean: z.number() });
const histogram = z.array(
  z.object({
    from: z.int().openapi({ description: 'The least length' }),
    to: z.int().openapi({ description: 'The greatest; of the last one that of the longest row' }),
    rows: z.int(),
  }),
);
const EXAMPLE_LENGTHS = { min: 12, median: 90, p95: 240, max: 1024, mean: 104.5 };

export const ProfileQuery = z.object({
  base_model: nameField.optional().openapi({ description: 'Counts tokens with its tokenizer and chat template' }),
  max_length: integerParam(16, 131_072)
    .default(DEFAULT_MAX_LENGTH)
    .openapi({ description: 'In tokens: rows that are longer are counted' }),
});

export const ProfileSchema = z
  .object({
    rows: z.int(),
    usable_rows: z.int(),
    unusable: z.array(unusableRows),
    unused: z.array(unusedPart),
    rows_with_special_tokens: z
      .int()
      .openapi({ description: 'Usable rows that hold tokens such as <|im_end|> as text' }),
    duplicates: z.int().openapi({ description: 'Usable rows with the conversation of an earlier one' }),
    longest_row: z.int().nullable(),
    characters: lengths.nullable().openapi({ description: 'Of whole conversations' }),
    character_histogram: histogram.nullable().openapi({
      description:
        'How many conversations are about how long: 31 buckets at most, the last for all that are longer than nearly all',
    }),
    preferences: z
      .object({
        chosen_longer: z.int().openapi({ description: 'Rows whose chosen answer is the longer one' }),
        chosen_shorter: z.int(),
        chosen_characters: z.number().openapi({ description: 'Of the chosen answer, mean' }),
        rejected_characters: z.number(),
      })
      .nullable()
      .openapi({ description: 'Of pairs of answers: which is the longer one' }),
    columns: z.array(
      z.object({
        name: z.string(),
        empty: z.int(),
        distinct: z.int().openapi({ description: 'An estimate, which may be off by a fifth' }),
        characters: lengths,
      }),
    ),
    tokens: z
      .object({
        base_model: z.string(),
        max_length: z.int(),
        counted_rows: z.int().openapi({ description: 'Fewer than usable_rows: the rest is an estimate from these' }),
        lengths: lengths.nullable(),
        histogram: histogram.nullable().openapi({ description: 'Of the counted rows' }),
        total: z.int(),
        too_long_rows: z.int(),
        without_answer_rows: z.int().openapi({ description: 'No answer stands within max_length' }),
        refused: z
          .object({ rows: z.int(), problem: z.string() })
          .nullable()
          .openapi({ description: "Counted rows that the model's chat template does not take" }),
      })
      .nullable()
      .openapi({ description: 'Null unless a base_model is given' }),
    roles: z.array(
      z.object({
        role: z.string(),
        messages: z.int(),
        characters: z.int(),
        languages: z.array(
          z.object({ language: z.string().openapi({ description: 'ISO 639-3' }), percent: z.number() }),
        ),
      }),
    ),
  })
  .openapi('DatasetProfile', {
    example: {
      rows: 100,
      usable_rows: 99,
      unusable: [{ problem: 'the prompt is empty', rows: 1, first_row: 7 }],
      unused: [],
      rows_with_special_tokens: 0,
      duplicates: 2,
      longest_row: 41,
      characters: EXAMPLE_LENGTHS,
      character_histogram: [
        { from: 0, to: 9, rows: 0 },
        { from: 10, to: 19, rows: 95 },
        { from: 20, to: 1024, rows: 4 },
      ],
      preferences: null,
      tokens: null,
      columns: [{ name: 'input', empty: 1, distinct: 98, characters: EXAMPLE_LENGTHS }],
      roles: [{ role: 'user', messages: 99, characters: 4_100, languages: [{ language: 'eng', percent: 100 }] }],
    },
  });

export const ValidateRequest = z
  .strictObject({ mapping: MappingSchema.optional() })
  .openapi('DatasetValidateRequest', { example: { mapping: { prompt: 'question', completion: 'answer' } } });
export const ValidationSchema = z
  .object({
    valid: z.boolean().openapi({ description: 'Whether every row is usable' }),
    mapping: z.record(z.string(), z.string()),
    rows: z.int(),
    usable_rows: z.int(),
    unusable: z.array(unusableRows.extend({ values: z.record(z.string(), z.string().nullable()) })),
    unused: z.array(unusedPart),
  })
  .openapi('DatasetValidation', {
    example: {
      valid: false,
      mapping: { prompt: 'question', completion: 'answer' },
      rows: 100,
      usable_rows: 99,
      unusable: [
        { problem: 'the prompt is empty', rows: 1, first_row: 7, values: { question: '', answer: 'Because.' } },
      ],
      unused: [{ part: 'score', rows: 100, first_row: 0 }],
    },
  });
