import type { DiskParts } from './disk.ts';
import { computedBytes, longestOf, type Training, weightBytes } from './training.ts';
import { operationsOfToken } from './work.ts';

/** Seconds of a run by what it does, once it has a worker. */
export interface TimeParts {
  /** Draws and writes the mixture. */
  prepare: number;
  /** Of pairs of answers, with what the base makes of them. */
  load: number;
  /** All steps. */
  train: number;
  evaluate: number;
  /** What checkpoints keep the training waiting, and the export. */
  save: number;
  /** Base and tuned, asked and compared on held-out rows. */
  validate: number;
}
export const TIME_PARTS = ['prepare', 'load', 'train', 'evaluate', 'save', 'validate'] as const;

/**
 * Where nothing was measured yet. Operations a second: of a CPU for each thread, as SmolLM2-135M trained on 2 threads with AVX512
 * (4.3 s for a step of 4 × 256 tokens with adapters in bf16, 8 s in float32); of a GPU, about a fifth of what one of 2022 has in bf16.
 */
const RATES = { cpu: { 2: 60e9, 4: 50e9 }, cuda: { 2: 60e12, 4: 30e12 } };
/** Of a step beside its operations: Python, and starting each of them. */
const STEP_S = { cpu: 0.012, cuda: 0.05 };
const LIBRARIES_S = 5;
const READ_BYTES_PER_S = 400e6;
const WRITE_BYTES_PER_S = 200e6;
/** Out of fewer bits into 16: bitsandbytes' NF4 of SmolLM2-135M, 269 MB in 2.3 s on two cores that others used as well. */
const WRITTEN_OUT_BYTES_PER_S = 120e6;
const ROWS_PER_S = 20_000;
const STARTED_S = 1;
/** An evaluation is made as seldom as that (trainer/evaluation/held_out.py), where nobody chose eval_steps. */
const EVALUATIONS = 10;
/** Of each held-out row: an answer of so many tokens, made one by one, by base and tuned. */
const ANSWER_TOKENS = 48;
const ONE_BY_ONE = 6;

export function timeOf(training: Training, epochs: number, disk: DiskParts): TimeParts {
  const { shape, settings, lengths, steps, device } = training;
  const rate = RATES[device.kind][weightBytes(training)] * (device.kind === 'cpu' ? device.threads : 1);
  const stepRate = (rate * RATES[device.kind][computedBytes(training)]) / RATES[device.kind][weightBytes(training)];
  const { forward, step } = operationsOfToken(training);
  const tokens = trainedTokens(training, epochs);
  const mean = lengths.tokens / Math.max(1, lengths.examples);
  const measured = forward * mean * lengths.heldOutRows;
  const evaluations = settings.eval_steps === 0 ? 0 : settings.eval_steps ? steps / settings.eval_steps : EVALUATIONS;
  const referred = training.isOfPairs && settings.loss_type !== 'orpo' ? (forward * lengths.tokens) / rate : 0;
  const asked = ONE_BY_ONE * forward * ANSWER_TOKENS * lengths.heldOutRows;
  return {
    prepare: STARTED_S + lengths.examples / ROWS_PER_S,
    load:
      LIBRARIES_S +
      shape.fileBytes / READ_BYTES_PER_S +
      disk.base_copy / WRITTEN_OUT_BYTES_PER_S +
      disk.start_copy / WRITE_BYTES_PER_S +
      referred,
    train: steps * batchesOfStep(training) * STEP_S[device.kind] + (tokens * step) / (stepRate * device.processes),
    evaluate: (Math.min(evaluations + 1, steps + 1) * measured) / rate,
    save: STARTED_S + (disk.checkpoints + disk.export + disk.merge) / WRITE_BYTES_PER_S,
    validate: LIBRARIES_S + (2 * shape.fileBytes) / READ_BYTES_PER_S + (2 * (measured + asked)) / rate,
  };
}

/** What is computed at once, one behind the other. Packed, rows fill sequences as long as a batch of the longest rows (trainer/tokens/packing.py). */
function batchesOfStep(training: Training): number {
  const { lengths, settings } = training;
  if (!settings.packing) return settings.gradient_accumulation;
  const mean = Math.min(longestOf(training), lengths.tokens / Math.max(1, lengths.examples));
  return Math.ceil((settings.gradient_accumulation * mean) / longestOf(training));
}

/** Of all steps: an epoch's, as often as the steps go through it. */
export function trainedTokens(training: Training, epochs: number): number {
  const { lengths, steps, settings } = training;
  const rows = Math.min(steps * settings.batch_size * settings.gradient_accumulation, epochs * lengths.examples);
  return Math.round((rows * lengths.tokens) / Math.max(1, lengths.examples));
}
