import { type HyperparameterChoices, resolveHyperparameters } from '../models/run-spec.ts';
import type { TrainingType } from '../models/statuses.ts';
import type { TrainingConfig } from '../models/training-config.ts';
import { badRequest } from './errors.ts';

/** What a job or project asks for, completed from the configuration. `modelField`: how its request calls the base model. */
interface Wanted {
  training_type: TrainingType | undefined;
  base_model: string | undefined;
  modelField: 'model_name' | 'base_model';
  hyperparameters: HyperparameterChoices;
}

/** Training type and base model, where they go together with each other and with the rest. @throws ApiError 400 */
export function requireTrainable(wanted: Wanted, config: TrainingConfig): { type: TrainingType; model: string } {
  const type = wanted.training_type ?? config.default_training_type;
  const {
    chunk_tokens = 0,
    chunk_overlap = 0,
    ...others
  } = resolveHyperparameters(wanted.hyperparameters, type, config);
  if (chunk_overlap >= chunk_tokens / 2)
    throw badRequest(`chunk_overlap is ${chunk_overlap}; it must be less than half of chunk_tokens (${chunk_tokens}).`);
  if (others.eval_steps === 0 && others.early_stopping_patience)
    throw badRequest('eval_steps is 0, so early_stopping_patience would see no evaluation. Leave one of them out.');
  if (others.weights && type !== 'standard')
    throw badRequest(
      `weights is "${others.weights}", and says in what all weights are trained, by training_type "standard". Leave it out for "${type}".`,
    );
  // The configuration's model is one that writes text.
  if (type === 'rag' && wanted.base_model === undefined)
    throw badRequest(
      `${wanted.modelField} is required with training_type "rag": give a model that makes embeddings, such as "sentence-transformers/all-MiniLM-L6-v2".`,
    );
  return { type, model: wanted.base_model ?? config.default_model };
}
