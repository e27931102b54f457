import { activationBytes } from './activations.ts';
import { adaptedMatrices, matricesWithRows, trainableParameters, wholeParameters } from './parameters.ts';
import {
  type DeviceKind,
  hasAdapters,
  isRounded,
  longestOf,
  partsOfModel,
  type Settings,
  sequencesAtOnce,
  type Training,
  weightBytes,
} from './training.ts';

/** Bytes of the device's memory at the peak of a training, by what takes them; of several devices, of each. */
export interface MemoryParts {
  weights: number;
  /** On a CPU, those in 4 bits once more, in the type that they compute in; done without where there is no room. */
  dequantised_weights: number;
  adapters: number;
  gradients: number;
  optimizer: number;
  activations: number;
  logits: number;
  /** A copy of what a checkpoint holds while it is written behind the next steps; done without where there is no room. */
  checkpoint_copy: number;
  /** The trainer itself: Python, torch, transformers; on a GPU, CUDA's own; and where there are several, what they exchange. */
  overhead: number;
  /** By how much runs like it took more than is computed, or less. */
  correction: number;
}

/**
 * NF4 with double quantisation: half a byte a weight, for each block of 64 a scale of one byte, and for each 256 of those one of four
 * (https://arxiv.org/abs/2305.14314, 3; bitsandbytes).
 */
const NF4_BYTES = 0.5 + (1 + 4 / 256) / 64;
/** MOST_BYTES in trainer/training/dequantised_weights.py. */
const MOST_DEQUANTISED_BYTES = 10 ** 9;
/** peft keeps adapters in float32 beside weights of 16 bits (autocast_adapter_dtype). */
const ADAPTER_BYTES = 4;
/**
 * Of a trained weight: AdamW's two moments in float32, both in 8 bits, or both in bf16 (rounded_adamw.py); one moment in float32.
 * Of a matrix, Adafactor has a number for each row and each column.
 */
const OPTIMIZER_BYTES = { adamw: 8, adamw_8bit: 2, paged_adamw_8bit: 2, rounded: 4, lion: 4, muon: 4, adafactor: 0 };
/** These leave embeddings to AdamW in float32 (transformers does so in 8 bits, and muon.py). */
const BESIDE_EMBEDDINGS = ['adamw_8bit', 'paged_adamw_8bit', 'muon'];
/** A trainer before its model: its libraries, on the CPU, the peak with a model of 100,000 weights; on a GPU, a guess. */
const OVERHEAD_BYTES = { cpu: 480_000_000, cuda: 600_000_000 };
/** Of torch with CUDA loaded (a guess: nothing here has measured it). */
const HOST_BYTES_BESIDE_GPU = 3_000_000_000;
/** MOST_LOGITS_ON_CPU and _ON_GPU in trainer/evaluation/answer_loss.py. */
const MOST_LOGITS = { cpu: 2 ** 24, cuda: 2 ** 26 };
/** A logit is there in the model's type, in float32, as its share of the softmax, and as the gradients of each. In bf16 fitted to peaks of SmolLM2-135M, in float32 a part of that. */
const LOGIT_BYTES = { 2: 30, 4: 24 };

/** What a trainer takes of a device before it has a model there: its libraries, or on a GPU what CUDA takes beside tensors, which torch does not count. */
export function trainerBytes(kind: DeviceKind): number {
  return OVERHEAD_BYTES[kind];
}

/** What a training takes by its shapes alone, before anything measured. */
export function memoryOf(training: Training): MemoryParts {
  const { shape, type, device } = training;
  const bytes = weightBytes(training);
  const whole = trainableParameters(training);
  const trained = Math.ceil(whole / partsOfModel(training));
  const inFour = type === 'qlora' ? quantisedParameters(training) : 0;
  const gradient = hasAdapters(training) ? ADAPTER_BYTES : bytes;
  const optimizer = Math.ceil(optimizerBytes(training, whole) / partsOfModel(training));
  const copied = trained * gradient + optimizer;
  return {
    weights: Math.round((bytes * (shape.parameters - inFour) + NF4_BYTES * inFour) / partsOfModel(training)),
    dequantised_weights: device.kind === 'cpu' && bytes * inFour <= MOST_DEQUANTISED_BYTES ? bytes * inFour : 0,
    // Computing in bf16, each adapter has a copy in it during a step.
    adapters: hasAdapters(training) ? trained * (ADAPTER_BYTES + (bytes === 2 ? 2 : 0)) : 0,
    gradients: trained * gradient,
    optimizer,
    activations: activationBytes(training) + rowBytes(training),
    logits: logitBytes(training, sequencesAtOnce(training) * longestOf(training)),
    checkpoint_copy: device.kind === 'cpu' && savesBetween(training) ? copied : 0,
    overhead: OVERHEAD_BYTES[device.kind] + exchangedBytes(training, trained * gradient),
    correction: 0,
  };
}

/**
 * Rows of new tokens are put into a copy of their matrix in each step, and their gradients are taken from those of all rows
 * (get_merged_weights of peft's TrainableTokensLayer), once for the embeddings and once for the output.
 */
function rowBytes(training: Training): number {
  const { shape } = training;
  const is = hasAdapters(training) && matricesWithRows(training) > 0;
  return is ? 2 * shape.vocabulary * shape.hidden * weightBytes(training) : 0;
}

/**
 * What several devices exchange gradients and weights in. torch's DistributedDataParallel has buckets as large as the gradients. Of a sharded
 * model, one layer is whole while the next is gathered, and what is beside the layers is whole all the time: in the type that it computes in,
 * with gradients in float32 where it is trained (sharded.py).
 */
function exchangedBytes(training: Training, gradients: number): number {
  const { shape, device } = training;
  if (partsOfModel(training) === 1) return device.processes > 1 ? gradients : 0;
  const beside = shape.vocabulary * shape.hidden;
  const ofLayer = Math.max(0, shape.parameters - beside) / shape.layers;
  const bytes = (device.hasBf16 ? 2 : 4) + (hasAdapters(training) ? 0 : 4);
  return Math.round((2 * ofLayer + beside) * bytes);
}

/**
 * The peak: `needed` without what a training does without where memory is short. Gradients come where activations go, layer by layer, and
 * are gone when the next step begins; a step of several batches has those of the first ones beside the activations of the next.
 */
export function peakOf(parts: MemoryParts, { gradient_accumulation }: Settings): { bytes: number; needed: number } {
  const { gradients, activations, logits, checkpoint_copy, dequantised_weights, ...others } = parts;
  const kept = activations + logits;
  const moving = gradient_accumulation > 1 ? gradients + kept : Math.max(gradients, kept);
  const needed = moving + Object.values(others).reduce((total, part) => total + part, 0);
  return { bytes: needed + checkpoint_copy + dequantised_weights, needed };
}

/** What a trainer takes of its host's memory where a GPU has the model. */
export function hostMemoryBesideGpu(training: Training): number {
  const { gradients, optimizer } = memoryOf(training);
  const { shape, device } = training;
  // Each process has the whole model on the host until it has its part on a GPU.
  if (partsOfModel(training) > 1)
    return device.processes * (HOST_BYTES_BESIDE_GPU + weightBytes(training) * shape.parameters);
  return HOST_BYTES_BESIDE_GPU + training.shape.fileBytes + gradients + optimizer;
}

/** What is taken whatever the rows are, so that no row need be read to know it: with one row of a few tokens. */
export function leastMemory(training: Training): number {
  const shortest = { ...training.lengths, longest: 1 };
  const settings = { ...training.settings, batch_size: 1 };
  return peakOf(memoryOf({ ...training, settings, lengths: shortest }), settings).needed;
}

function optimizerBytes(training: Training, trained: number): number {
  const { shape, settings } = training;
  const optimizer = optimizerOf(training);
  const whole = hasAdapters(training) ? wholeParameters(training) : shape.vocabulary * shape.hidden;
  // A row or a column of an adapter's matrix has lora_r numbers; of a model's own, thousands.
  if (optimizer === 'adafactor')
    return hasAdapters(training) ? Math.round((4 * (trained - whole)) / settings.lora_r) : 0;
  const embeddings = BESIDE_EMBEDDINGS.includes(optimizer) ? whole : 0;
  return (trained - embeddings) * OPTIMIZER_BYTES[optimizer] + embeddings * OPTIMIZER_BYTES.adamw;
}

function optimizerOf({ type, shape, settings, device }: Training): keyof typeof OPTIMIZER_BYTES {
  if (type === 'standard' && isRounded({ shape, settings, device })) return 'rounded';
  return settings.optimizer ?? (type === 'qlora' && device.kind === 'cuda' ? 'paged_adamw_8bit' : 'adamw');
}

/** bitsandbytes puts linear layers into 4 bits, and not the experts of a mixture, which are one tensor. */
function quantisedParameters({ shape }: Training): number {
  return adaptedMatrices(shape, null)
    .filter(({ experts, name }) => experts === 1 && !name.includes('.experts.'))
    .reduce((total, { inputs, outputs }) => total + inputs * outputs, 0);
}

/** Made for so many positions at a time; where the output's weights are trained, with their gradient twice over (in_pieces.py). */
function logitBytes(training: Training, positions: number): number {
  const { shape, type, device } = training;
  const bytes = weightBytes(training);
  // Those of a sharded model are made at once (ALL_AT_ONCE in ways.py).
  if (partsOfModel(training) > 1) return positions * shape.vocabulary * LOGIT_BYTES[bytes];
  const made = Math.min(positions * shape.vocabulary, Math.max(MOST_LOGITS[device.kind], shape.vocabulary));
  const head = 2 * shape.vocabulary * shape.hidden;
  const ofHead = type === 'standard' ? head * bytes : wholeParameters(training) > 0 ? head * ADAPTER_BYTES : 0;
  return made * LOGIT_BYTES[bytes] + ofHead;
}

/** Whether a checkpoint is written behind later steps: not the last one's, for which the training waits. */
function savesBetween({ steps, settings: { save_steps } }: Training): boolean {
  return steps > (save_steps ?? automaticSaveSteps(steps));
}

/** As trainerHyperparameters (src/models/runs/run-spec.ts) chooses it. */
export function automaticSaveSteps(steps: number): number {
  return Math.min(200, Math.max(1, Math.ceil(steps / 10)));
}
