import type { RowFilters } from '../../datasets/row-filters.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import type { AskedChoices, HyperparameterChoices } from '../runs/hyperparameter-choices.ts';
import type { TraitType } from './trait-types.ts';

/** A trait with its datasets, as it is asked for: percentages with up to three decimals. */
export interface TraitRequest {
  trait_type: TraitType;
  weight?: number | undefined;
  datasets: { dataset_id: number; percentage: number; filters?: RowFilters | undefined }[];
}

interface OfSecondPart {
  training_type: TrainingType;
  /** Left out: as of the first part. */
  max_rows?: number | undefined;
  traits?: TraitRequest[] | undefined;
}

/** The second part of a project: a run that begins from what the first one made. */
export type AskedFollowing = OfSecondPart & AskedChoices;
/** The same with its batch in numbers. */
export type Following = OfSecondPart & HyperparameterChoices;
