import { adaptedMatrices } from './parameters.ts';
import { hasAdapters, longestOf, sequencesAtOnce, type Training, weightBytes } from './training.ts';

/**
 * Bytes that a layer keeps of each token for the backward pass, for each number of its widths. Counted on Llamas of several sizes, each
 * by torch's saved_tensors_hooks through the trainer's own loss (torch 2.13, transformers 5.23, peft 0.21): of widths one was changed
 * at a time, and the differences are these whole numbers. Attention keeps nothing that grows with the square of the length.
 */
const KEPT = {
  2: { hidden: 12, queries: 8, keys: 4, intermediate: 8 },
  4: { hidden: 16, queries: 16, keys: 8, intermediate: 16 },
};
/** Beside adapters: norms once more in float32; for each adapted matrix what goes between its two halves; and with dropout, its input and what was dropped. */
const BESIDE_ADAPTERS = { hidden: 4, rank: 2, dropped: 4 };
/** DoRA keeps what weights and adapter give, each apart: of every number that an adapted matrix gives, two. */
const DORA_KEPT = 2;
/**
 * What DoRA makes and drops again for the lengths of rows, of the largest matrix: first its inputs squared, in float32 and in bf16, to multiply the adapter out (peft 0.21,
 * get_lora_weight), then the weights as float32 a few times over. Measured as peaks on a layer of 2048 → 4096 (180 MB) and of 2048 → 8192 (410 MB).
 */
const DORA_MADE = { inputsSquared: 6, multiplied: 2, weights: 20 };
/** The gradients of the layer that is gone back through lie beside what is kept of it. */
const GOING_BACK = 1;

/** What the C library's allocator keeps of memory that was given back in pieces: as the peak of SmolLM2-135M, with and without checkpointing. */
const ALLOCATED = { cpu: 1.25, cuda: 1.05 };

/** Of the longest batch: it is tried before the first step (trainer/training/rehearsal.py), and decides the peak. */
export function activationBytes(training: Training): number {
  const { shape, settings, device } = training;
  const tokens = ALLOCATED[device.kind] * sequencesAtOnce(training) * longestOf(training);
  const layer = keptOfLayer(training);
  const made = madeForLengths(training);
  if (!settings.activation_checkpointing) return Math.round(tokens * layer * (shape.layers + GOING_BACK) + made);
  // The input of each layer, and everything of the one that is computed again.
  return Math.round(tokens * (shape.hidden * weightBytes(training) * shape.layers + (1 + GOING_BACK) * layer) + made);
}

function madeForLengths({ shape, settings }: Training): number {
  if (!settings.use_dora) return 0;
  const sizes = adaptedMatrices(shape, settings.lora_target_modules).map(({ inputs, outputs }) => {
    const weights = inputs * outputs;
    return Math.max(
      DORA_MADE.inputsSquared * inputs ** 2 + DORA_MADE.multiplied * weights,
      DORA_MADE.weights * weights,
    );
  });
  return Math.max(0, ...sizes);
}

function keptOfLayer(training: Training): number {
  const { shape, settings } = training;
  const kept = KEPT[weightBytes(training)];
  const own =
    kept.hidden * shape.hidden +
    kept.queries * shape.queries +
    kept.keys * shape.keys +
    kept.intermediate * shape.intermediate;
  if (!hasAdapters(training)) return own;
  // Of the experts of a mixture, which are one tensor, peft drops nothing.
  const adapted = adaptedMatrices(shape, settings.lora_target_modules).filter(({ experts }) => experts === 1);
  const inputs = adapted.reduce((total, { inputs }) => total + inputs, 0) / shape.layers;
  const between = (BESIDE_ADAPTERS.rank * settings.lora_r * adapted.length) / shape.layers;
  const dropped = settings.lora_dropout > 0 ? BESIDE_ADAPTERS.dropped * inputs : 0;
  const given = adapted.reduce((total, { outputs }) => total + outputs, 0) / shape.layers;
  const ofDora = settings.use_dora ? DORA_KEPT * weightBytes(training) * given : 0;
  return own + BESIDE_ADAPTERS.hidden * shape.hidden + between + dropped + ofDora;
}
