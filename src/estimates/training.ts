import type { ModelShape } from '../base-models/model-shape.ts';
import type { Hyperparameters } from '../trainer/hyperparameters.ts';
import { type TrainingType, trainsAdapters } from '../trainer/training-types.ts';

export type DeviceKind = 'cpu' | 'cuda';

/** The rows of a training, in tokens. */
export interface Lengths {
  /** Sequences of an epoch, and their tokens. */
  examples: number;
  tokens: number;
  /** Of the longest sequence: it decides how much memory is taken. */
  longest: number;
  heldOutRows: number;
}

/** The hyperparameters that decide what a training takes. */
export type Settings = Pick<
  Hyperparameters,
  | 'batch_size'
  | 'gradient_accumulation'
  | 'max_length'
  | 'lora_r'
  | 'lora_dropout'
  | 'lora_target_modules'
  | 'activation_checkpointing'
  | 'weights'
  | 'optimizer'
  | 'sharding'
  | 'merge'
  | 'eval_steps'
  | 'early_stopping_patience'
> & { save_steps: number | null };

/** All that an estimate is made from. */
export interface Training {
  shape: ModelShape;
  type: Exclude<TrainingType, 'rag'>;
  settings: Settings;
  lengths: Lengths;
  /** Optimizer steps. */
  steps: number;
  device: {
    kind: DeviceKind;
    /** GPUs of one run: each has a part of each batch, and the whole model, unless that is sharded. */
    processes: number;
    /** Of the CPU: how many the trainer takes. */
    threads: number;
    /** Whether it has instructions for bf16. */
    hasBf16: boolean;
    memoryBytes: number | null;
  };
}

/** In what the weights lie in memory: two bytes each, or four. (load_base in trainer/training/model_to_train.py.) */
export function weightBytes({ shape, type, settings, device }: Training): 2 | 4 {
  if (type !== 'standard') return device.hasBf16 ? 2 : 4;
  return isRounded({ shape, settings, device }) ? 2 : 4;
}

/** Of float32 weights: themselves, their gradients, and two numbers of AdamW (FP32_BYTES_PER_WEIGHT in trainer/training/ways.py). */
const FP32_BYTES = 16;
const SHARE_FOR_WEIGHTS = 0.85;

/** Whether all weights are trained in bf16: where that was chosen, or a GPU has no room for them in float32 (in_bf16 in ways.py). */
export function isRounded({ shape, settings, device }: Pick<Training, 'shape' | 'settings' | 'device'>): boolean {
  const isRoundable = (settings.optimizer ?? 'adamw') === 'adamw';
  if (settings.weights || settings.sharding === 'full' || device.kind === 'cpu' || !isRoundable)
    return settings.weights === 'bf16';
  return device.memoryBytes !== null && FP32_BYTES * shape.parameters > SHARE_FOR_WEIGHTS * device.memoryBytes;
}

/** Of how many parts of the model each device has one. */
export function partsOfModel({ settings, device }: Pick<Training, 'settings' | 'device'>): number {
  return settings.sharding === 'full' ? device.processes : 1;
}

/** Of each batch, what one device computes. */
export function sequencesAtOnce(training: Pick<Training, 'type' | 'settings' | 'device'>): number {
  return sequencesOfRow(training) * Math.ceil(training.settings.batch_size / training.device.processes);
}

export function hasAdapters({ type }: Pick<Training, 'type'>): boolean {
  return trainsAdapters(type);
}

/** Sequences that a row is read as: of a pair of answers, one with each. */
export function sequencesOfRow({ type }: Pick<Training, 'type'>): number {
  return type === 'dpo' ? 2 : 1;
}

/** Of the longest sequence that is trained on, in tokens. */
export function longestOf({ lengths, settings }: Pick<Training, 'lengths' | 'settings'>): number {
  return Math.min(lengths.longest, settings.max_length);
}
