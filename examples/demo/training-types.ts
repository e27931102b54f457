/** What the demo trains with, by `--type`. Chosen for small models and the short rows of the demo. */
export interface DemoTraining {
  /** For `mtm model install`: the base model where none is named, and others that it needs. */
  installs: ['smollm2-135m', ...'minilm'[]];
  settings: Record<string, string | number>;
}

/** Often, so that a kill loses little of so short a training. */
export const SAVE_STEPS = 5;
const SETTINGS = { batch_size: 8, epochs: 2, max_length: 512, save_steps: SAVE_STEPS };
const ADAPTERS = { learning_rate: 0.001, lora_r: 16, lora_alpha: 32 };

export const DEMO_TRAININGS = {
  lora: { installs: ['smollm2-135m'], settings: { ...SETTINGS, ...ADAPTERS } },
  qlora: { installs: ['smollm2-135m'], settings: { ...SETTINGS, ...ADAPTERS } },
  // All weights take steps a tenth as large as adapters do.
  standard: { installs: ['smollm2-135m'], settings: { ...SETTINGS, learning_rate: 0.0001 } },
  // The one answers from the index that the other makes.
  rag: { installs: ['smollm2-135m', 'minilm'], settings: { batch_size: 8, save_steps: SAVE_STEPS } },
} satisfies Record<string, DemoTraining>;
export type DemoType = keyof typeof DEMO_TRAININGS;
