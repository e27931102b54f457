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
  sharding?: 'full';
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
 * computed twice, both of them, one model divided over the GPUs, shorter rows, weights in bf16, adapters on a base in 4 bits. Never what
 * `isRefused` with the other settings.
 */
export function remediesOf(
  estimated: Estimated,
  measurements: Measurement[],
  totalBytes: number,
  isRefused: (change: Change) => boolean,
): Remedy[] {
  const tried = (change: Omit<Change, 'host' | 'device'>): Remedy => {
    const memoryBytes = predict(changed(estimated, change), measurements).memory.needed;
    return { change, memoryBytes };
  };
  const firstFitting = (changes: Change[]) =>
    changes
      .filter((change) => !isRefused(change))
      .map(tried)
      .find(({ memoryBytes }) => memoryBytes <= totalBytes);
  const batches = smallerBatches(estimated.training);
  const checkpointed: Change[] = estimated.training.settings.activation_checkpointing
    ? []
    : [{ activation_checkpointing: true }];
  const smallest = { ...batches.at(-1), ...checkpointed[0] };
  const groups: Change[][] = [
    batches,
    checkpointed,
    checkpointed.flatMap((both) => batches.map((batch) => ({ ...batch, ...both }))),
    divided(estimated.training).flatMap((change) => [change, { ...change, ...smallest }]),
    shorterLengths(estimated.training),
    rounded(estimated.training).flatMap((change) => [change, { ...change, ...smallest }]),
    inFourBits(estimated.training).flatMap((change) => [change, { ...change, ...smallest }]),
  ];
  return groups.flatMap((changes) => firstFitting(changes) ?? []);
}

/** One model over the GPUs of a run. Processes on a CPU share its memory. */
function divided({ settings: { sharding }, device: { kind, processes } }: Training): Change[] {
  return kind === 'cuda' && processes > 1 && sharding !== 'full' ? [{ sharding: 'full' }] : [];
}

function rounded({ type, settings: { weights } }: Training): Change[] {
  return type === 'standard' && weights !== 'bf16' ? [{ weights: 'bf16' }] : [];
}

/** Adapters on a base in 4 bits, where it is not that already. */
function inFourBits({ type, isOfPairs }: Training): Change[] {
  if (type === 'qlora') return [];
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
