import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { RowFilters } from '../../datasets/row-filters.ts';
import {
  type HyperparameterChoices,
  HyperparameterChoicesSchema,
  type MixingChoices,
} from '../../models/runs/hyperparameter-choices.ts';
import { findSources } from '../../models/runs/mixture-sources.ts';
import { mixtureSpec, resolveHyperparameters } from '../../models/runs/run-spec.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { findTokenizer } from '../base-models/find-tokenizer.ts';
import { requireUsableDatasets } from '../datasets/require-usable-datasets.ts';
import { requireIndexed } from './require-trainable.ts';

/** What a plan is asked for, of a job or a project. */
interface PlannedTraining extends HyperparameterChoices {
  training_type?: TrainingType | undefined;
  base_model?: string | undefined;
  embedding_model?: string | null | undefined;
  /** Null: as many rows as there are. */
  max_rows: number | null;
  mixing?: MixingChoices | undefined;
  traits: {
    trait: string;
    weight_thousandths?: number;
    datasets: { dataset_id: number; percentage_thousandths: number; filters?: RowFilters }[];
  }[];
}

export interface PlanDependencies {
  env: Env;
  slowly: Slowly;
}

/** Somebody waits for it, and it takes the place of an upload's conversion. */
const PLAN_WITHIN_MS = 120_000;

/**
 * What a training would read, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planTraining(body: PlannedTraining, { env, slowly }: PlanDependencies) {
  const { max_rows, traits, mixing, base_model, embedding_model } = body;
  const shares = traits.flatMap(({ datasets }) => datasets);
  await requireUsableDatasets(shares.map(({ dataset_id }) => dataset_id));
  const config = await TrainingConfig.current();
  const type = body.training_type ?? config.default_training_type;
  requireIndexed(type, embedding_model);
  const hyperparameters = resolveHyperparameters(HyperparameterChoicesSchema.strip().parse(body), type, config);
  const found = await findSources(shares);
  const spec = mixtureSpec(
    { max_rows, mixing, seed: hyperparameters.seed, traits },
    found.map(({ source }) => source),
  );
  // What rag reads are chunks of texts, which its run alone makes.
  const counts = base_model !== undefined && type !== 'rag';
  const tokenizer = counts ? await findTokenizer(env, base_model, hyperparameters) : null;
  const { plan, ...rest } = await slowly({ spec, tokenizer }, (onProgress) =>
    inDataProcess('draft', { ...spec, tokenizer }, { timeLimitMs: PLAN_WITHIN_MS, onProgress }),
  );
  return { plan: { ...plan, ...rest }, base_model: base_model ?? config.default_model, hyperparameters };
}
