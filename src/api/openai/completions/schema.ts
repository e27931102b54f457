import { z } from 'zod';
import { modelNameField } from '../../http/shared-schema.ts';
import { MEANS_NOTHING, mostTokensOrNone, SAMPLING } from '../sampling.ts';

const MOST_PROMPTS = 16;
const MODEL = 'HuggingFaceTB/SmolLM2-135M';

const Tokens = z.array(z.int().min(0).max(100_000_000)).min(1);

function isOne(prompt: string | number[] | string[] | number[][]): prompt is string | number[] {
  return typeof prompt === 'string' || typeof prompt[0] === 'number';
}

export const CompletionRequest = z
  .strictObject({
    model: modelNameField,
    prompt: z
      .union(
        [z.string(), Tokens, z.array(z.string()).min(1).max(MOST_PROMPTS), z.array(Tokens).min(1).max(MOST_PROMPTS)],
        `must be a text, a list of tokens, or at most ${MOST_PROMPTS} of either`,
      )
      .transform((prompt): (string | number[])[] => (isOne(prompt) ? [prompt] : prompt))
      .openapi({ description: 'What the model goes on from, without its chat template: texts, or tokens' }),
    max_tokens: mostTokensOrNone.nullish().openapi({ description: 'Default: 16. 0: nothing but what echo shows' }),
    ...SAMPLING,
    logprobs: z
      .int()
      .min(0)
      .max(5)
      .nullish()
      .openapi({ description: 'So many of the likeliest tokens are shown beside each' }),
    echo: z.boolean().nullish().openapi({
      description: 'Shows the prompt before the answer; with logprobs, how probable each of its tokens was',
    }),
    best_of: z.literal(1, 'must be 1: ask for more answers by n').nullish(),
    suffix: z.literal('', 'must be empty: models here go on from the end alone').nullish(),
    ...MEANS_NOTHING,
  })
  .openapi('CompletionRequest', { example: { model: MODEL, prompt: 'The capital of France is', max_tokens: 8 } });

const Logprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()),
});

export const CompletionSchema = z
  .object({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: Logprobs.nullable(),
        finish_reason: z.enum(['stop', 'length']).nullable(),
      }),
    ),
    usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }).nullish(),
  })
  .openapi('Completion', {
    example: {
      id: 'cmpl-kwAStiUQGVBw0Ar9QSVW9V2K',
      object: 'text_completion',
      created: 1_790_000_000,
      model: MODEL,
      choices: [{ index: 0, text: ' Paris.', logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
    },
  });
