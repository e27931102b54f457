import type { Draft, Ground } from './draft.ts';

/** How many rows a step takes: those at once, times the batches that are put together. */
export function rowsInAStep({ hyperparameters: chosen }: Draft, { hyperparameters: fields, config }: Ground): number {
  const batch = Number(chosen.batch_size ?? config.default_batch_size);
  return batch * Number(chosen.gradient_accumulation ?? fields.gradient_accumulation?.standard ?? 1);
}
