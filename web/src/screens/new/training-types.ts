import type { TrainingType } from './draft.ts';

/** What each training type does. */
export const TRAINING_TYPES: Record<TrainingType, { label: string; about: string }> = {
  qlora: {
    label: 'qlora',
    about: 'Trains adapters beside the base model in 4 bits: the least memory. Right for most.',
  },
  lora: {
    label: 'lora',
    about: 'Trains adapters beside the base model as it is: four times the memory for it, and nothing lost by 4 bits.',
  },
  standard: {
    label: 'standard',
    about: 'Trains all weights: learns the most, and takes 8 to 16 bytes of memory for each.',
  },
  dpo: {
    label: 'dpo',
    about:
      'Learns which of two answers is preferred, for datasets of preferences: as adapters, or with finetuning_type full in all weights.',
  },
  rag: {
    label: 'rag',
    about: 'Trains nothing: makes your texts and answers findable, and answers questions from them.',
  },
};
