import type { Hyperparameters } from './hyperparameters.ts';

/** What a trainer can be asked for. */
export const TRAINING_TYPES = ['dpo', 'lora', 'qlora', 'rag', 'standard'] as const;
export type TrainingType = (typeof TRAINING_TYPES)[number];

/** Of a training of preferences, which weights are trained. */
type Finetuned = Partial<Pick<Hyperparameters, 'finetuning_type'>>;

/** Which weights are trained, as the name of the training type that trains the same ones (trained_as in trainer/runs/run_file.py). */
export function trainedAs(type: TrainingType, { finetuning_type = 'lora' }: Finetuned): Exclude<TrainingType, 'dpo'> {
  if (type !== 'dpo') return type;
  return finetuning_type === 'full' ? 'standard' : finetuning_type;
}

/** Whether the base stays as it is, and adapters beside its layers are trained. */
export function trainsAdapters(type: TrainingType, chosen: Finetuned): boolean {
  return ['lora', 'qlora'].includes(trainedAs(type, chosen));
}
