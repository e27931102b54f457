import type { Project } from '../../api/types.ts';

export type TraitType = Project['traits'][number]['trait_type'];

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
