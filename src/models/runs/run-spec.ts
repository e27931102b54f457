import { z } from 'zod';
import type { MixtureSpec } from '../../datasets/chosen-rows.ts';
import type { MixtureSource } from '../../datasets/chosen-tables.ts';
import { RowFiltersSchema } from '../../datasets/row-filters.ts';
import { MappingSchema } from '../../datasets/rows/mapping.ts';
import { type Hyperparameters, HyperparametersSchema } from '../../trainer/hyperparameters.ts';
import { TRAINING_TYPES, type TrainingType } from '../../trainer/training-types.ts';
import { learningRateOf, type TrainingDefaults } from '../settings/training-config.ts';
import { TRACKERS, type Tracker } from '../trackers/trackers.ts';
import {
  HYPERPARAMETER_DEFAULTS,
  type HyperparameterChoices,
  type MixingChoices,
  MixingChoicesSchema,
} from './hyperparameter-choices.ts';
import { StartSchema } from './start.ts';

/** A dataset as it was when a run was asked for. Hashes: of its canonical Parquet, and of the file as it was uploaded. */
export const DatasetAsOfSchema = z.object({
  name: z.string(),
  mapping: MappingSchema.nullable(),
  sha256: z.string(),
  source_sha256: z.string().nullable(),
});
export type DatasetAsOf = z.infer<typeof DatasetAsOfSchema>;

const OneRunSpecSchema = z.object({
  training_type: z.enum(TRAINING_TYPES),
  base_model: z.string(),
  /** Of rag: what makes the index. Null, or not there: the base model, or where that writes text the model that is installed. */
  embedding_model: z.string().nullable().optional(),
  /** Not there: it begins from the base model as it is. */
  start: StartSchema.optional(),
  /** Whether it fetches its models where they are not there. Not there: no. */
  download: z.boolean().optional(),
  /** Those that are told of it. Not there: none. */
  trackers: z.array(z.enum(TRACKERS)).optional(),
  /** Upper bound of the rows in the mixture; null takes all. */
  max_rows: z.number().int().nullable(),
  /** Absolute; the run's own folder `run-<number>` is made in it. */
  output_directory: z.string(),
  /** save_steps null: chosen from the number of steps (see saveStepsFor). */
  hyperparameters: HyperparametersSchema.extend({ save_steps: z.number().int().nullable() }),
  /** CPU threads of the trainer: a part of the result, since sums in another order round differently. */
  threads: z.number().int(),
  traits: z.array(
    z.object({
      trait: z.string(),
      /** Not there: all traits count the same. */
      weight_thousandths: z.number().int().optional(),
      datasets: z.array(
        z.object({
          dataset_id: z.number().int(),
          percentage_thousandths: z.number().int(),
          filters: RowFiltersSchema.optional(),
          /** Not there in runs of earlier versions: they read the dataset as it is. */
          dataset: DatasetAsOfSchema.optional(),
        }),
      ),
      /** The dataset that held-out rows come from. Not there: a part of the rows of those above is held out. */
      held_out_from: z.object({ dataset_id: z.number().int(), dataset: DatasetAsOfSchema.optional() }).optional(),
    }),
  ),
  /** Not there: the policy shrink. */
  mixing: MixingChoicesSchema.optional(),
  validation: z.object({ max_rows_per_trait: z.number().int(), max_new_tokens: z.number().int().nullable() }),
  /**
   * YYYY-MM-DD in UTC: when it was asked for. Chat templates that print today's date print this one, so that the same rows are the
   * same tokens after midnight and on any host. Not there in runs of earlier versions.
   */
  today: z.iso.date().optional(),
  /** The number of the run that this one follows, of the same project, and begins from. */
  follows: z.number().int().optional(),
});
/** Everything needed to repeat a run, resolved when it was asked for: later changes of defaults do not reach it. */
export const RunSpecSchema = OneRunSpecSchema.extend({
  /** The run that begins from its result once it has completed: the second part of a project. */
  followed_by: OneRunSpecSchema.optional(),
});
export type RunSpec = z.infer<typeof RunSpecSchema>;

/** An index is made by reading everything, once. */
const READ_ONCE = { epochs: 1, max_steps: null } as const;
const VALIDATED_ROWS_PER_TRAIT = 32;

/** Puts together what the user chose, the configuration and the defaults. */
export function resolveRunSpec(
  chosen: {
    training_type: TrainingType;
    base_model: string;
    embedding_model?: string | null;
    max_rows: number | null;
    output_directory: string;
    traits: RunSpec['traits'];
    trackers?: Tracker[];
    mixing?: MixingChoices;
    threads: number;
    /** Undefined: the trainer knows how many tokens a model needs. An answer that is cut off before its last line cannot be right. */
    validationMaxNewTokens?: number | undefined;
    hyperparameters: HyperparameterChoices;
  },
  config: TrainingDefaults,
): RunSpec {
  const { validationMaxNewTokens, ...rest } = chosen;
  return {
    ...rest,
    hyperparameters: resolveHyperparameters(chosen.hyperparameters, chosen.training_type, config),
    validation: { max_rows_per_trait: VALIDATED_ROWS_PER_TRAIT, max_new_tokens: validationMaxNewTokens ?? null },
    today: new Date().toISOString().slice(0, 10),
  };
}

/** What the user chose, completed from the configuration and the defaults. */
export function resolveHyperparameters(
  chosen: HyperparameterChoices,
  trainingType: TrainingType,
  config: TrainingDefaults,
): RunSpec['hyperparameters'] {
  return {
    batch_size: config.default_batch_size,
    learning_rate: learningRateOf(config, trainingType, chosen),
    epochs: config.default_epochs,
    lora_r: config.default_lora_r,
    lora_alpha: config.default_lora_alpha,
    lora_dropout: config.default_lora_dropout,
    ...HYPERPARAMETER_DEFAULTS,
    ...chosen,
    ...(trainingType === 'rag' ? READ_ONCE : {}),
  };
}

/** A dataset of a mixture, as its run was asked for with it. */
export type SpecDataset = Pick<RunSpec['traits'][number]['datasets'][number], 'dataset_id' | 'filters' | 'dataset'>;

/** The datasets of a mixture: those of all shares, and then those that held-out rows alone come from. */
export function datasetsOf(traits: RunSpec['traits']): SpecDataset[] {
  return [...traits.flatMap(({ datasets }) => datasets), ...traits.flatMap(({ held_out_from }) => held_out_from ?? [])];
}

/** What a mixture is made from. `sources`: of `datasetsOf` its traits, in that order. */
export function mixtureSpec(
  { max_rows, traits, mixing = {}, seed }: Pick<RunSpec, 'max_rows' | 'traits' | 'mixing'> & { seed: number },
  sources: MixtureSource[],
): MixtureSpec {
  return {
    datasets: sources,
    seed,
    similarRows: mixing.similar_rows,
    choices: {
      maxRows: max_rows,
      policy: mixing.policy,
      maxRepeats: mixing.max_repeats,
      heldOut: mixing.held_out,
      traits: traits.map(({ trait, weight_thousandths, datasets, held_out_from }) => ({
        trait,
        weightThousandths: weight_thousandths,
        heldOutFrom: held_out_from && { datasetId: held_out_from.dataset_id },
        datasets: datasets.map(({ dataset_id, percentage_thousandths }) => ({
          datasetId: dataset_id,
          percentageThousandths: percentage_thousandths,
        })),
      })),
    },
  };
}

/** Optimizer steps of a training on so many rows, as the trainer counts them. */
export function stepsFor(rows: number, h: RunSpec['hyperparameters']): { perEpoch: number; total: number } {
  const perEpoch = Math.ceil(Math.ceil(rows / h.batch_size) / h.gradient_accumulation);
  return { perEpoch, total: Math.min(perEpoch * h.epochs, h.max_steps ?? Number.POSITIVE_INFINITY) };
}

/** The trainer's hyperparameters: ten checkpoints in a run, and never more than 200 steps to lose, unless chosen. */
export function trainerHyperparameters(spec: RunSpec, rows: number): Hyperparameters {
  const automatic = Math.min(200, Math.max(1, Math.ceil(stepsFor(rows, spec.hyperparameters).total / 10)));
  return { ...spec.hyperparameters, save_steps: spec.hyperparameters.save_steps ?? automatic };
}

/** What decides how many rows are in memory at once, and how many a step takes. */
export type BatchSplit = Pick<Hyperparameters, 'batch_size' | 'gradient_accumulation'>;

/**
 * The next smaller micro-batch with the same rows per step: half of it, or the largest part below that divides it.
 * Null when it is one row already.
 */
export function splitBatch({ batch_size, gradient_accumulation }: BatchSplit): BatchSplit | null {
  for (let smaller = Math.floor(batch_size / 2); smaller >= 1; smaller--) {
    if (batch_size % smaller > 0) continue;
    return { batch_size: smaller, gradient_accumulation: gradient_accumulation * (batch_size / smaller) };
  }
  return null;
}
