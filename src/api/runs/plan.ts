import { z } from 'zod';
import type { MaybeEstimate } from '../../commands/estimates/estimate-training.ts';
import type { SimilarRows } from '../../datasets/rows-in-common.ts';
import { MIXING_POLICIES } from '../../datasets/shares.ts';
import type { RunPlan } from '../../models/runs/run.ts';
import { type RunSpec, stepsFor } from '../../models/runs/run-spec.ts';
import { idField } from '../http/shared-schema.ts';
import { ESTIMATE, estimateFields, presentEstimate } from './estimate.ts';

const EXAMPLE = {
  mixing_version: 1,
  policy: 'shrink' as const,
  train_rows: 50_000,
  held_out_rows: 64,
  warnings: [],
  steps: { per_epoch: 12_500, total: 37_500 },
  tokens: {
    base_model: 'meta-llama/Llama-3.2-3B-Instruct',
    max_length: 1024,
    counted_rows: 2_000,
    per_epoch: 8_150_000,
    examples: 50_000,
    truncated_rows: 75,
    dropped_rows: 0,
    skipped_rows: 0,
    refused_rows: 0,
    by_dataset: [{ dataset_id: 2, tokens: 8_150_000 }],
  },
  similar_rows: { left_out: [], chosen: { between: [], held_out: { replaced: 0, similar: 1 } } },
  traits: [
    {
      trait_type: 'coding',
      requested: 50_000,
      allocated: 50_000,
      held_out: 64,
      limiting_dataset_id: null,
      validation_dataset_id: null,
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
};

/** The plan of a mixture as the API shows it, before a run and with it. */
export const PlanSchema = z
  .object({
    mixing_version: z.int(),
    policy: z.enum(MIXING_POLICIES),
    train_rows: z.int(),
    held_out_rows: z.int(),
    warnings: z.array(z.string()),
    steps: z.object({ per_epoch: z.int(), total: z.int() }),
    tokens: z
      .object({
        base_model: z.string(),
        max_length: z.int(),
        counted_rows: z.int().openapi({ description: 'Fewer than train_rows: the rest is an estimate from these' }),
        per_epoch: z.int().openapi({ description: 'As they are trained on' }),
        examples: z.int().openapi({ description: 'Sequences of an epoch: mostly one a row' }),
        truncated_rows: z.int(),
        dropped_rows: z.int().openapi({ description: 'Left out for their length' }),
        skipped_rows: z.int().openapi({ description: 'No answer stands within max_length' }),
        refused_rows: z.int().openapi({ description: 'The chat template cannot show them; see on_bad_rows' }),
        by_dataset: z.array(z.object({ dataset_id: idField, tokens: z.int() })),
      })
      .nullable()
      .openapi({
        description: 'Null until they are counted: a plan counts with a base_model, a run when it trains',
      }),
    similar_rows: z
      .object({
        left_out: z.array(z.object({ dataset_id: idField, rows: z.int() })),
        chosen: z
          .object({
            between: z.array(
              z.object({ dataset_id: idField, other_dataset_id: idField, same: z.int(), similar: z.int() }),
            ),
            held_out: z.object({ replaced: z.int(), similar: z.int() }),
          })
          .nullable()
          .openapi({ description: 'Null where they are too many for a plan: the run looks' }),
      })
      .nullable()
      .openapi({ description: 'Rows that two datasets have, or training and held-out rows; null when not looked for' }),
    traits: z.array(
      z.object({
        trait_type: z.string(),
        requested: z.int().nullable(),
        allocated: z.int(),
        held_out: z.int(),
        limiting_dataset_id: idField.nullable(),
        validation_dataset_id: idField.nullable().openapi({
          description:
            'The dataset that the held-out rows come from, the last one of datasets; null: a part of each of them',
        }),
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
  .openapi('MixturePlan', { example: EXAMPLE });

export const PLAN_ANSWER = {
  ...EXAMPLE,
  batch: { batch_size: 4, gradient_accumulation: 1, reason: null },
  estimate: ESTIMATE,
  no_estimate: null,
};

/** The same of what nobody has asked to train yet, with what it would take. */
export const PlanAnswerSchema = PlanSchema.extend({
  batch: z
    .object({ batch_size: z.int(), gradient_accumulation: z.int(), reason: z.string().nullable() })
    .openapi({ description: 'As a run would have it; `reason` of what batch_size "auto" has found' }),
  ...estimateFields,
}).openapi('Plan', { example: PLAN_ANSWER });

/** What a plan is for: `tokens` and `steps` depend on it. */
type PlannedTraining = Pick<RunSpec, 'base_model' | 'hyperparameters'>;

export function presentPlan(plan: RunPlan, { base_model, hyperparameters }: PlannedTraining) {
  const { version, policy, trainRows, heldOutRows, warnings, traits, tokens = null, similarRows = null } = plan;
  const steps = stepsFor(tokens?.examples ?? trainRows, hyperparameters);
  return {
    mixing_version: version,
    policy,
    train_rows: trainRows,
    held_out_rows: heldOutRows,
    warnings,
    steps: { per_epoch: steps.perEpoch, total: steps.total },
    tokens: tokens && {
      base_model,
      max_length: hyperparameters.max_length,
      counted_rows: tokens.countedRows,
      per_epoch: tokens.perEpoch,
      examples: tokens.examples,
      truncated_rows: tokens.truncatedRows,
      dropped_rows: tokens.droppedRows,
      skipped_rows: tokens.skippedRows,
      refused_rows: tokens.refusedRows ?? 0,
      by_dataset: tokens.byDataset.map(({ datasetId, tokens: count }) => ({ dataset_id: datasetId, tokens: count })),
    },
    similar_rows: similarRows && presentSimilarRows(similarRows),
    traits: traits.map((trait) => ({
      trait_type: trait.trait,
      requested: trait.requested,
      allocated: trait.allocated,
      held_out: trait.heldOut,
      limiting_dataset_id: trait.limitingDatasetId,
      validation_dataset_id: trait.heldOutFrom ?? null,
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

function presentSimilarRows({ leftOut, chosen }: SimilarRows) {
  return {
    left_out: leftOut.map(({ datasetId, rows }) => ({ dataset_id: datasetId, rows })),
    chosen: chosen && {
      between: chosen.between.map(({ datasetId, otherDatasetId, same, similar }) => ({
        dataset_id: datasetId,
        other_dataset_id: otherDatasetId,
        same,
        similar,
      })),
      held_out: chosen.heldOut,
    },
  };
}

export function presentPlanned(
  plan: RunPlan,
  planned: PlannedTraining,
  estimate: MaybeEstimate,
  reason: string | null,
): z.input<typeof PlanAnswerSchema> {
  const { batch_size, gradient_accumulation } = planned.hyperparameters;
  const batch = { batch_size, gradient_accumulation, reason };
  return { ...presentPlan(plan, planned), batch, ...presentEstimate(estimate) };
}
