/** What rows of a project are to teach. */
export const TRAIT_TYPES = ['reasoning', 'coding', 'general_tools'] as const;
export type TraitType = (typeof TRAIT_TYPES)[number];
