import { type Batch, batchesOf } from './batch.ts';
import type { Measurement } from './correction.ts';
import { type Estimated, predict } from './estimate.ts';
import type { Training } from './training.ts';

/** What to ask for in place of what does not fit: fields of a job or project. */
export interface Change {
  batch_size?: number;
  gradient_accumulation?: number;
  activation_checkpointing?: true;
  max_length?: number;
  training_type?: 'qlora';
  /** Of pairs of answers, the same. */
  finetuning_type?: 'qlora';
  weights?: 'bf16';
  /** Where it would fit as it is: a worker there has to take it. */
  host?: string;
  device?: string;
}

export interface Remedy {
  change: Change;
  memoryBytes: number;
}

const LEAST_LENGTH = 64;

/**
 * What would fit into so many bytes, in the order in which it costs least: a smaller batch with as many rows in each step, activations
 * computed twice, both of them, shorter rows, weights in bf16, adapters on a base in 4 bits.
 */
export function remediesOf(estimated: Estimated, measurements: Measurement[], totalBytes: number): Remedy[] {
  const tried = (change: Omit<Change, 'host' | 'device'>): Remedy => {
    const memoryBytes = predict(changed(estimated, change), measurements).memory.needed;
    return { change, memoryBytes };
  };
  const firstFitting = (changes: Change[]) => changes.map(tried).find(({ memoryBytes }) => memoryBytes <= totalBytes);
  const batches = smallerBatches(estimated.training);
  const checkpointed: Change[] = estimated.training.settings.activation_checkpointing
    ? []
    : [{ activation_checkpointing: true }];
  const smallest = { ...batches.at(-1), ...checkpointed[0] };
  const groups: Change[][] = [
    batches,
    checkpointed,
    checkpointed.flatMap((both) => batches.map((batch) => ({ ...batch, ...both }))),
    shorterLengths(estimated.training),
    canBeRounded(estimated.training) ? [{ weights: 'bf16' }, { weights: 'bf16', ...smallest }] : [],
    inFourBits(estimated.training).flatMap((change) => [change, { ...change, ...smallest }]),
  ];
  return groups.flatMap((changes) => firstFitting(changes) ?? []);
}

/** Whether all weights could be trained in bf16 as well: AdamW alone loses nothing in rounding, with whole matrices. */
function canBeRounded({ type, settings: { weights, optimizer, sharding } }: Training): boolean {
  const isWhole = sharding !== 'full';
  return type === 'standard' && isWhole && weights !== 'bf16' && (optimizer ?? 'adamw') === 'adamw';
}

/** Adapters on a base in 4 bits, where it is not that already, and each GPU has a whole one. */
function inFourBits({ type, isOfPairs, settings: { sharding } }: Training): Change[] {
  if (type === 'qlora' || sharding === 'full') return [];
  return [isOfPairs ? { finetuning_type: 'qlora' } : { training_type: 'qlora' }];
}

/** The training as it would be with this change. */
export function changed(
  estimated: Estimated,
  { training_type, finetuning_type, ...change }: Omit<Change, 'host' | 'device'>,
): Estimated {
  const { training } = estimated;
  const type = training_type ?? finetuning_type ?? training.type;
  // Only where all weights are trained is it said in what.
  const settings = { ...training.settings, ...change, ...(type === 'standard' ? {} : { weights: null }) };
  return { ...estimated, training: { ...training, type, settings } };
}

/** With as many rows in each step, the largest first: of 8 rows those of 4, 2 and 1. */
export function smallerBatches({
  settings: { batch_size, gradient_accumulation },
}: Pick<Training, 'settings'>): Batch[] {
  return batchesOf(batch_size, Math.floor(batch_size / 2)).map((batch) => ({
    ...batch,
    gradient_accumulation: gradient_accumulation * batch.gradient_accumulation,
  }));
}

function shorterLengths({ settings, lengths }: Training): Change[] {
  const found: Change[] = [];
  for (
    let length = Math.floor(Math.min(settings.max_length, lengths.longest) / 2);
    length >= LEAST_LENGTH;
    length = Math.floor(length / 2)
  )
    found.push({ max_length: length });
  return found;
}
