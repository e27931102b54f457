/** What a trainer can be asked for. */
export const TRAINING_TYPES = ['dpo', 'lora', 'qlora', 'rag', 'standard'] as const;
export type TrainingType = (typeof TRAINING_TYPES)[number];

const ADAPTED: readonly TrainingType[] = ['dpo', 'lora', 'qlora'];

/** Whether the base stays as it is, and adapters beside its layers are trained (ADAPTED in trainer/runs/run_file.py). */
export function trainsAdapters(type: TrainingType): boolean {
  return ADAPTED.includes(type);
}
