import { z } from 'zod';
import { DEFAULT_MAX_LENGTH } from '../../models/runs/hyperparameter-choices.ts';
import {
  REASONING_CHOICES,
  TOO_LONG_CHOICES,
  TOOL_CALLS_CHOICES,
  TRAIN_ON_CHOICES,
} from '../../trainer/hyperparameters.ts';
import { integerParam, nameField } from '../http/shared-schema.ts';

export const TokensQuery = z.strictObject({
  base_model: nameField.openapi({ description: 'Its tokenizer and chat template make the tokens' }),
  row: integerParam(0, 2_147_483_647).default(0).openapi({ description: 'Counts from 0, as in the preview' }),
  max_length: integerParam(16, 131_072)
    .default(DEFAULT_MAX_LENGTH)
    .openapi({ description: 'In tokens, as the next four a setting of a training' }),
  too_long: z.enum(TOO_LONG_CHOICES).default('truncate'),
  reasoning: z.enum(REASONING_CHOICES).default('inline'),
  tool_calls: z.enum(TOOL_CALLS_CHOICES).default('refuse'),
  train_on: z.enum(TRAIN_ON_CHOICES).default('answers'),
  new_tokens: z.string().max(4_096).optional().openapi({
    description: 'Tokens that a training adds to those of the model, separated by spaces, such as <think> </think>',
    example: '<think> </think>',
  }),
  offset: integerParam(0, 2_147_483_647).default(0).openapi({ description: 'The first token that is shown' }),
  limit: integerParam(1, 20_000).default(4096).openapi({ description: 'How many tokens are shown' }),
});

export const TokensSchema = z
  .object({
    row_number: z.int(),
    base_model: z.string(),
    max_length: z.int(),
    problem: z.string().nullable().openapi({ description: 'Why the row is not trained on; there are no tokens then' }),
    notes: z
      .array(z.string())
      .openapi({ description: 'Rows like this one …: what is learnt otherwise than it is said' }),
    dropped: z.boolean().openapi({ description: 'It is left out for its length' }),
    examples: z
      .array(
        z.object({
          tokens: z.int(),
          learnt: z.int(),
          cut_off: z.int().openapi({ description: 'Beyond max_length, or all where the row is dropped' }),
        }),
      )
      .openapi({ description: 'Sequences that the row is trained on as; one in which nothing is learnt is left out' }),
    total: z.int().openapi({ description: 'Tokens of all examples, of which `tokens` shows `limit` from `offset` on' }),
    offset: z.int(),
    tokens: z.array(
      z.object({
        example: z.int().openapi({ description: 'Place in examples' }),
        id: z.int(),
        text: z.string().openapi({ description: 'Empty where the token goes on with a character of the one before' }),
        learnt: z.boolean(),
        weight: z.number().openapi({ description: 'In the loss: 0 or 1' }),
        special: z.boolean(),
        cut_off: z.boolean(),
      }),
    ),
  })
  .openapi('RowTokens', {
    example: {
      row_number: 0,
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      max_length: 1024,
      problem: null,
      notes: [],
      dropped: false,
      examples: [{ tokens: 43, learnt: 2, cut_off: 0 }],
      total: 43,
      offset: 41,
      tokens: [
        { example: 0, id: 19, text: '4', learnt: true, weight: 1, special: false, cut_off: false },
        { example: 0, id: 128_009, text: '<|eot_id|>', learnt: true, weight: 1, special: true, cut_off: false },
      ],
    },
  });
