import type { HyperparameterChoices } from '../../models/runs/hyperparameter-choices.ts';
import { resolveHyperparameters } from '../../models/runs/run-spec.ts';
import type { TrainingDefaults } from '../../models/settings/training-config.ts';
import { UserError } from '../../platform/failure.ts';
import { type TrainingType, trainsAdapters } from '../../trainer/training-types.ts';
import { refusedTogether } from './refused-together.ts';

/** What a job or project asks for, completed from the configuration. */
interface Wanted {
  training_type: TrainingType | undefined;
  base_model: string | undefined;
  embedding_model: string | null | undefined;
  validation_dataset_id?: number | null | undefined;
  hyperparameters: HyperparameterChoices;
}

/** Training type and base model, where they go together with each other and with the rest. @throws UserError */
export function requireTrainable(wanted: Wanted, config: TrainingDefaults): { type: TrainingType; model: string } {
  const type = wanted.training_type ?? config.default_training_type;
  const {
    chunk_tokens = 0,
    chunk_overlap = 0,
    ...others
  } = resolveHyperparameters(wanted.hyperparameters, type, config);
  if (chunk_overlap >= chunk_tokens / 2)
    throw new UserError(
      `chunk_overlap is ${chunk_overlap}; it must be less than half of chunk_tokens (${chunk_tokens}).`,
    );
  const refused = refusedTogether(others, type);
  if (refused !== undefined) throw new UserError(refused);
  requireAdapters(type, wanted.hyperparameters);
  requirePreferences(type, wanted.hyperparameters);
  requireIndexed(type, wanted.embedding_model);
  requireNoIndex(type, wanted.validation_dataset_id);
  return { type, model: wanted.base_model ?? config.default_model };
}

/** What only adapters have, with the value that is the same as leaving it out. */
const OF_ADAPTERS = {
  merge: true,
  lora_target_modules: null,
  modules_to_save: null,
  use_rslora: false,
  use_dora: false,
  loraplus_lr_ratio: null,
} as const;

/** Where there are no adapters, nothing is said by which layers get some, how they learn, and what becomes of them. @throws UserError */
function requireAdapters(type: TrainingType, chosen: HyperparameterChoices): void {
  if (trainsAdapters(type, chosen)) return;
  const why = type === 'dpo' ? 'finetuning_type is full' : `training_type is ${type}`;
  for (const [name, leftOut] of Object.entries(OF_ADAPTERS)) {
    const value = chosen[name as keyof typeof OF_ADAPTERS];
    if (value === undefined || value === leftOut) continue;
    throw new UserError(
      `${name} is ${JSON.stringify(value)}, and ${why}, which trains no adapters. Leave it out, or send {"${type === 'dpo' ? 'finetuning_type' : 'training_type'}": "lora"} or "qlora".`,
    );
  }
}

/** Only of two answers to a question one is preferred, and a pair is never made several. @throws UserError */
function requirePreferences(type: TrainingType, chosen: HyperparameterChoices): void {
  const { beta, loss_type, finetuning_type, too_long, train_on } = chosen;
  if (type === 'dpo' && too_long === 'split')
    throw new UserError(
      'too_long is "split", and training_type is dpo, which learns from pairs of answers: none can be made several. Choose "truncate" or "drop".',
    );
  if (type === 'dpo' && train_on !== undefined && train_on !== 'answers')
    throw new UserError(
      `train_on is "${train_on}", and training_type is dpo, which learns from pairs by their answers. Leave it out.`,
    );
  if (type === 'dpo') return;
  const [one] = Object.entries({ beta, loss_type, finetuning_type }).filter(([, value]) => value !== undefined);
  if (one)
    throw new UserError(
      `${one[0]} is ${JSON.stringify(one[1])}, and training_type is ${type}, which learns no preferences. Leave it out, or send {"training_type": "dpo"}.`,
    );
}

/** Only an index is made by an embedding model. @throws UserError */
export function requireIndexed(type: TrainingType, embeddingModel: string | null | undefined): void {
  if (type === 'rag' || embeddingModel === undefined || embeddingModel === null) return;
  throw new UserError(
    `embedding_model is ${JSON.stringify(embeddingModel)}, and training_type is ${type}, which makes no index. Leave it out, or send {"training_type": "rag"}.`,
  );
}

/** An index holds the rows that it is asked about: there are none to keep apart. @throws UserError */
export function requireNoIndex(type: TrainingType, validationDatasetId: number | null | undefined): void {
  if (type !== 'rag' || validationDatasetId === undefined || validationDatasetId === null) return;
  throw new UserError(
    `validation_dataset_id is ${validationDatasetId}, and training_type is rag, whose index holds the rows that it is asked about. Leave it out, or choose another training type.`,
  );
}
