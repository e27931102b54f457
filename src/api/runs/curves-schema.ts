import { z } from 'zod';
import { dateField, integerParam } from '../http/shared-schema.ts';
import { whichRun } from './schema.ts';

export const CurvesQuery = z.strictObject({
  ...whichRun,
  from_step: integerParam(0, 2_147_483_647).default(0),
  to_step: integerParam(1, 2_147_483_647).optional().openapi({ description: 'Default: the last' }),
  points: integerParam(2, 4_000).default(1_000).openapi({ description: 'Buckets at most' }),
});

/** Of curves and metrics. */
export const thinnedField = z.int().nullable().openapi({
  description:
    'Up to this step the retention policy run_metrics removed single steps: no bucket is smaller than those that it kept, whose means and extremes are those of all steps. Null: every step is there',
});

const figure = z.array(z.number().nullable());
const count = z.array(z.int().nullable());

export const CurvesSchema = z
  .object({
    run_number: z.int(),
    steps: z.int().openapi({ description: 'The last step that was done' }),
    steps_per_bucket: z.int().openapi({
      description:
        'A power of two. Buckets begin at its multiples, so that they stay the same while the run becomes longer',
    }),
    buckets: z
      .object({
        step: z.array(z.int()),
        at: z.array(dateField),
        epoch: z.array(z.number()),
        tokens: count,
        active_s: z.array(z.number()).openapi({
          description: 'Seconds of training by then, over all attempts: what lies between them does not count',
        }),
        loss: figure,
        loss_min: figure,
        loss_max: figure,
        without_loss: z
          .array(z.int())
          .openapi({ description: 'Steps whose loss is no number, or that have none (rag)' }),
        learning_rate: figure,
        grad_norm: figure,
        grad_norm_max: figure,
        reward_margin: figure.openapi({ description: 'Of dpo alone, as in metrics' }),
        reward_accuracy: figure.openapi({ description: 'Of dpo alone, as in metrics' }),
        tokens_per_s: figure,
        memory_bytes: count,
      })
      .openapi({
        description:
          'One list for each figure, all of the same length. step, at, epoch, tokens and active_s are of the last step of a bucket, other figures means over its steps unless their names say otherwise',
      }),
    evals: z
      .array(
        z.object({
          step: z.int(),
          trait: z.string().nullable(),
          loss: z.number().nullable(),
          tokens: z.int().nullable(),
          active_s: z.number(),
        }),
      )
      .openapi({
        description:
          'Held-out losses. trait null: over all traits. Step 0: of the base. tokens and active_s as in buckets',
      }),
    attempts: z
      .array(
        z.object({
          run_number: z.int(),
          lease_epoch: z.int(),
          worker_id: z.string().nullable(),
          first_step: z.int(),
          last_step: z.int(),
          began_at: dateField,
          ended_at: dateField,
          interruption: z.string().nullable(),
        }),
      )
      .openapi({ description: 'Which claim did which steps, as they were done last, and why it did no more of them' }),
    thinned_until_step: thinnedField,
  })
  .openapi('Curves', {
    example: {
      run_number: 1,
      steps: 90,
      steps_per_bucket: 64,
      buckets: {
        step: [64, 90],
        at: ['2024-01-01T00:10:00Z', '2024-01-01T00:14:00Z'],
        epoch: [1.28, 1.8],
        tokens: [32_768, 46_080],
        active_s: [584.2, 821.9],
        loss: [0.612, 0.234],
        loss_min: [0.31, 0.198],
        loss_max: [1.412, 0.402],
        without_loss: [0, 0],
        learning_rate: [0.00015, 0.0001],
        grad_norm: [0.9, 0.8],
        grad_norm_max: [2.1, 1.1],
        reward_margin: [null, null],
        reward_accuracy: [null, null],
        tokens_per_s: [1240.5, 1239.1],
        memory_bytes: [3_435_973_836, 3_435_973_836],
      },
      evals: [{ step: 64, trait: null, loss: 0.702, tokens: 32_768, active_s: 584.2 }],
      attempts: [
        {
          run_number: 1,
          lease_epoch: 1,
          worker_id: 'worker-abc123',
          first_step: 1,
          last_step: 90,
          began_at: '2024-01-01T00:00:00Z',
          ended_at: '2024-01-01T00:14:00Z',
          interruption: null,
        },
      ],
      thinned_until_step: null,
    },
  });
