import { z } from 'zod';
import { BETTER } from '../../models/runs/vote.ts';
import { dateField, examplePage, idField, modelNameField, pageOf, pageQuery } from '../http/shared-schema.ts';
import { Message, Messages, Tool, Tools } from '../openai/chat/schema.ts';
import { mostTokens } from '../openai/sampling.ts';
import { whichRun } from './schema.ts';

const ParametersSchema = z.strictObject({
  temperature: z.number().min(0).max(2).openapi({ description: '0: always the likeliest token.' }),
  top_p: z.number().gt(0).max(1).openapi({
    description: 'Only the likeliest tokens that have this probability together.',
  }),
  max_tokens: mostTokens.openapi({ description: 'Most tokens of each answer.' }),
  seed: z.int().min(0).max(4_294_967_295).nullable().openapi({
    description: 'The same seed gives the same answer. Left out: another one each time, unless the temperature is 0.',
  }),
});

const VOTE = {
  left_model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  right_model: 'job-1-run-1',
  better: 'right' as const,
  blind: true,
  messages: [{ role: 'user' as const, content: 'How do I reset my password?' }],
  tools: null,
  parameters: { temperature: 0, top_p: 1, max_tokens: 256, seed: null },
  left_answer: 'You can reset your password.',
  right_answer: 'Open the settings, and choose Security.',
};

export const VoteCreate = z
  .strictObject({
    left_model: modelNameField,
    right_model: modelNameField,
    better: z.enum(BETTER).openapi({ description: 'The side with the better answer; same: neither is better' }),
    blind: z.boolean().openapi({ description: 'Whether it was given before the names of the models were shown' }),
    messages: Messages.openapi({ description: 'What both were asked' }),
    tools: Tools.nullable(),
    parameters: ParametersSchema,
    left_answer: z.string(),
    right_answer: z.string(),
  })
  .openapi('VoteCreate', { example: VOTE });

/** Without what was asked and said: that may be long, and whoever sent it has it. */
const KEPT = {
  id: 1,
  left_model: VOTE.left_model,
  right_model: VOTE.right_model,
  better: VOTE.better,
  blind: VOTE.blind,
  created_at: '2024-01-01T00:00:00Z',
};

const kept = z.object({
  id: idField,
  left_model: z.string(),
  right_model: z.string(),
  better: z.enum(BETTER),
  blind: z.boolean(),
  created_at: dateField,
});

export const KeptVoteSchema = kept.openapi('KeptVote', { example: KEPT });

const SHOWN = { ...VOTE, ...KEPT };

const VoteSchema = kept
  .extend({
    messages: z.array(Message),
    tools: z.array(Tool).nullable(),
    parameters: ParametersSchema,
    left_answer: z.string(),
    right_answer: z.string(),
  })
  .openapi('Vote', { example: SHOWN });

export const VotesQuery = pageQuery(10).extend(whichRun);

const PairSchema = z
  .object({
    one: z.string(),
    other: z.string(),
    one_better: z.int(),
    other_better: z.int(),
    same: z.int(),
  })
  .openapi({ description: 'Two models, and how many votes each has, on whichever side it was' });

const PAIR = { one: VOTE.left_model, other: VOTE.right_model, one_better: 0, other_better: 1, same: 0 };

export const VotesSchema = pageOf(VoteSchema)
  .extend({ run_number: z.int(), pairs: z.array(PairSchema) })
  .openapi('Votes', { example: { ...examplePage(SHOWN), run_number: 1, pairs: [PAIR] } });
