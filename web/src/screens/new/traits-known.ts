import type { TrainingType, TraitType } from './draft.ts';

/** What each trait is for, and how many datasets it takes. */
export const TRAITS: Record<TraitType, { label: string; about: string; isSingle: boolean }> = {
  reasoning: { label: 'Reasoning', about: 'Thinking a problem through. It takes exactly one dataset.', isSingle: true },
  coding: { label: 'Coding', about: 'Writing code. It takes exactly one dataset.', isSingle: true },
  general_tools: {
    label: 'General and tools',
    about: 'All else, and calls of tools. It takes one dataset or more, in shares that add up to 100 %.',
    isSingle: false,
  },
};

export const TRAIT_TYPES = Object.keys(TRAITS) as TraitType[];

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
  rag: {
    label: 'rag',
    about: 'Trains nothing: makes your texts and answers findable, and answers questions from them.',
  },
};
