/** The pieces of work that data processes do (data-process.ts). */

/** Each with nothing but what it needs: to load that is most of what a small piece of work costs. */
export const TASKS = {
  convert: async () => (await import('./convert.ts')).convert,
  profile: async () => (await import('./profile.ts')).profile,
  datasetTokens: async () => (await import('./dataset-tokens.ts')).datasetTokens,
  rowTokens: async () => (await import('./row-tokens.ts')).rowTokens,
  templateFacts: async () => (await import('../base-models/template-facts.ts')).templateFacts,
  checkExamples: async () => (await import('./training-file.ts')).checkExamples,
  checkRows: async () => (await import('./profile.ts')).checkRows,
  draft: async () => (await import('./draft.ts')).draft,
  mix: async () => (await import('./mix.ts')).mix,
  preview: async () => (await import('./preview.ts')).previewRows,
  mixtureRows: async () => (await import('./mixture-rows.ts')).readMixtureRows,
};
