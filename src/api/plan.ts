import { z } from 'zod';
import { MIXING_POLICIES, type MixturePlan } from '../datasets/mixing.ts';
import { idField } from './shared-schema.ts';

/** The plan of a mixture as the API shows it, before a run and with it. */
export const PlanSchema = z
  .object({
    mixing_version: z.int(),
    policy: z.enum(MIXING_POLICIES),
    train_rows: z.int(),
    held_out_rows: z.int(),
    warnings: z.array(z.string()),
    traits: z.array(
      z.object({
        trait_type: z.string(),
        requested: z.int().nullable(),
        allocated: z.int(),
        held_out: z.int(),
        limiting_dataset_id: idField.nullable(),
        datasets: z.array(
          z.object({
            dataset_id: idField,
            percentage: z.number(),
            rows: z.int(),
            held_out: z.int(),
            requested: z.int().nullable(),
            allocated: z.int(),
            repeats: z.int(),
            effective_percentage: z.number(),
          }),
        ),
      }),
    ),
  })
  .openapi('MixturePlan', {
    example: {
      mixing_version: 1,
      policy: 'shrink',
      train_rows: 50_000,
      held_out_rows: 64,
      warnings: [],
      traits: [
        {
          trait_type: 'coding',
          requested: 50_000,
          allocated: 50_000,
          held_out: 64,
          limiting_dataset_id: null,
          datasets: [
            {
              dataset_id: 2,
              percentage: 100,
              rows: 60_000,
              held_out: 64,
              requested: 50_000,
              allocated: 50_000,
              repeats: 1,
              effective_percentage: 100,
            },
          ],
        },
      ],
    },
  });

export function presentPlan({ version, policy, trainRows, heldOutRows, warnings, traits }: MixturePlan) {
  return {
    mixing_version: version,
    policy,
    train_rows: trainRows,
    held_out_rows: heldOutRows,
    warnings,
    traits: traits.map((trait) => ({
      trait_type: trait.trait,
      requested: trait.requested,
      allocated: trait.allocated,
      held_out: trait.heldOut,
      limiting_dataset_id: trait.limitingDatasetId,
      datasets: trait.datasets.map((share) => ({
        dataset_id: share.datasetId,
        percentage: share.percentageThousandths / 1000,
        rows: share.rows,
        held_out: share.heldOut,
        // Plans that were kept before these two were known have neither.
        requested: share.requested ?? null,
        allocated: share.allocated,
        repeats: share.repeats ?? 1,
        effective_percentage: share.effectivePercent,
      })),
    })),
  };
}
