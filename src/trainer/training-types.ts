/** What a trainer can be asked for. */
export const TRAINING_TYPES = ['dpo', 'lora', 'qlora', 'rag', 'standard'] as const;
export type TrainingType = (typeof TRAINING_TYPES)[number];
