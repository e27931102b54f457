import type { TrainingType } from '../../trainer/training-types.ts';
import type { AskedChoices, HyperparameterChoices } from '../runs/hyperparameter-choices.ts';
import type { TraitRequest } from './trait-request.ts';

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
