import { z } from 'zod';
import { DeviceFiguresSchema } from '../../trainer/protocol.ts';
import { integerParam } from '../http/shared-schema.ts';
import { thinnedField } from './curves-schema.ts';
import { whichRun } from './schema.ts';

export const MetricsQuery = z.strictObject({
  ...whichRun,
  points: integerParam(2, 10_000).default(500),
});
export const MetricsSchema = z
  .object({
    run_number: z.int(),
    steps: z.int(),
    thinned_until_step: thinnedField,
    points: z.array(
      z.object({
        step: z.int(),
        epoch: z.number(),
        loss: z.number().nullable(),
        eval_loss: z.number().nullable(),
        learning_rate: z.number().nullable(),
        grad_norm: z.number().nullable(),
        tokens: z.int().nullable(),
        tokens_per_s: z.number().nullable(),
        memory_bytes: z.int().nullable(),
        device: DeviceFiguresSchema.nullable(),
        reward_margin: z
          .number()
          .nullable()
          .openapi({ description: "Of dpo: by how much the chosen answers' rewards are above the rejected ones'" }),
        reward_accuracy: z
          .number()
          .nullable()
          .openapi({ description: 'Of dpo: the share of pairs of which they are above' }),
      }),
    ),
  })
  .openapi('Metrics', {
    example: {
      run_number: 1,
      steps: 200,
      thinned_until_step: null,
      points: [
        {
          step: 90,
          epoch: 1.8,
          loss: 0.234,
          eval_loss: 0.312,
          learning_rate: 0.0001,
          grad_norm: 0.8,
          tokens: 46_080,
          tokens_per_s: 1240.5,
          memory_bytes: 3_435_973_836,
          device: null,
          reward_margin: null,
          reward_accuracy: null,
        },
      ],
    },
  });
