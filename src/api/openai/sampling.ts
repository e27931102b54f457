import { z } from 'zod';
import type { ServedRequest } from '../../serving/serving-protocol.ts';

const MOST_STOPS = 16;
const number = (least: number, most: number, standard: number) =>
  z
    .number()
    .min(least)
    .max(most)
    .nullish()
    .transform((value) => value ?? standard);

/** How tokens are chosen: what chats and texts have in common. Null and what is left out mean the same. */
export const SAMPLING = {
  temperature: number(0, 2, 1).openapi({ description: '0: always the likeliest token. Default: 1' }),
  top_p: z
    .number()
    .gt(0)
    .max(1)
    .nullish()
    .transform((value) => value ?? 1)
    .openapi({ description: 'Only the likeliest tokens that have this probability together. Default: 1' }),
  n: z
    .int()
    .min(1)
    .max(16)
    .nullish()
    .transform((value) => value ?? 1)
    .openapi({ description: 'How many answers. Default: 1' }),
  stop: z
    .union([z.string().min(1).max(1000), z.array(z.string().min(1).max(1000)).max(MOST_STOPS)])
    .nullish()
    .transform((value) => (typeof value === 'string' ? [value] : (value ?? [])))
    .openapi({ description: 'Texts before which an answer ends' }),
  seed: z
    .int()
    .nullish()
    .transform((value) => value ?? null)
    .openapi({ description: 'The same seed gives the same tokens, as far as the model computes the same' }),
  frequency_penalty: number(-2, 2, 0),
  presence_penalty: number(-2, 2, 0),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, 'must be the number of a token'), z.number().min(-100).max(100))
    .nullish()
    .transform((value) => value ?? {})
    .openapi({ description: 'By the number of a token: what is added to its logit' }),
  stream: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false)
    .openapi({ description: 'Tells the answer as it is said, as Server-Sent Events' }),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish()
    .openapi({ description: 'include_usage: a last chunk has the counts of tokens' }),
};

/** Of a request, what says how tokens are chosen, as a model takes it. */
export function samplingOf(body: Pick<ServedRequest, Chosen>): Pick<ServedRequest, Chosen> {
  const { temperature, top_p, n, stop, seed, frequency_penalty, presence_penalty, logit_bias } = body;
  return { temperature, top_p, n, stop, seed, frequency_penalty, presence_penalty, logit_bias };
}
type Chosen = Exclude<keyof typeof SAMPLING, 'stream' | 'stream_options'>;

/** What clients may send and means nothing here: nothing is stored, cached, billed or watched for abuse. */
export const MEANS_NOTHING = {
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
};

/** Of a token: at most so many of the likeliest. */
export const MOST_TOP_LOGPROBS = 20;
const tokensFrom = (least: number) => z.int().min(least).max(1_000_000);
export const mostTokens = tokensFrom(1);
/** Where a prompt may be all that is wanted. */
export const mostTokensOrNone = tokensFrom(0);
