import type { Measurement } from './correction.ts';
import { type Estimated, predict } from './estimate.ts';

export interface Batch {
  batch_size: number;
  gradient_accumulation: number;
}

/** Of a device's memory, so much is planned with: estimates are wrong by some. */
const PLANNED_SHARE = 0.85;

/** The batches that make steps of so many rows, the largest first, none of more than `most` rows. */
export function batchesOf(rowsPerStep: number, most: number): Batch[] {
  const sizes = Array.from(
    { length: Math.min(rowsPerStep, most) },
    (_, smaller) => Math.min(rowsPerStep, most) - smaller,
  );
  return sizes
    .filter((size) => rowsPerStep % size === 0)
    .map((batch_size) => ({ batch_size, gradient_accumulation: rowsPerStep / batch_size }));
}

/** The first of these batches that fits, with what it takes; null where none does. */
export function firstFitting(
  estimated: Estimated,
  measurements: Measurement[],
  batches: Batch[],
  totalBytes: number,
): { batch: Batch; memoryBytes: number } | null {
  for (const batch of batches) {
    const training = { ...estimated.training, settings: { ...estimated.training.settings, ...batch } };
    const memoryBytes = predict({ ...estimated, training }, measurements).memory.needed;
    if (memoryBytes <= PLANNED_SHARE * totalBytes) return { batch, memoryBytes };
  }
  return null;
}
