import { z } from 'zod';
import { TRAIT_TYPES } from '../projects/trait-types.ts';

/** In nats a token of the loss, or in parts of 1 of the score. */
const bound = z.number().min(0).max(100).optional();

/** One thing that must hold. Which of its fields go together: src/commands/versions/require-gate.ts. */
const GateConditionSchema = z.strictObject({
  against: z
    .enum(['base', 'current'])
    .openapi({ description: 'What the model is held against: its base, or the version that is the latest' }),
  metric: z.enum(['loss', 'score']).openapi({
    description:
      'Of held-out rows. loss: nats a token. score: right answers, from 0 to 1; by their format, else to the letter; of pairs the share whose chosen answer is preferred',
  }),
  no_worse_by: bound.openapi({ description: 'Fails where the whole interval of the difference is worse by more' }),
  better_by: bound.openapi({ description: 'Holds where the whole interval of the difference is better by more' }),
  traits: z
    .array(z.enum(TRAIT_TYPES))
    .min(1)
    .max(TRAIT_TYPES.length)
    .optional()
    .openapi({ description: 'Left out: each trait of the project' }),
  any_trait: z.boolean().optional().openapi({ description: 'With better_by: one of the traits is enough' }),
});

/** What must hold for a model to be promoted by itself. */
export const GateSchema = z.strictObject({ conditions: z.array(GateConditionSchema).min(1).max(20) }).openapi({
  example: {
    conditions: [
      { against: 'base', metric: 'loss', no_worse_by: 0.02 },
      { against: 'current', metric: 'score', better_by: 0.05, traits: ['coding'] },
    ],
  },
});
export type Gate = z.infer<typeof GateSchema>;
