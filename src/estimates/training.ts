import type { ModelShape } from '../base-models/model-shape.ts';
import type { Hyperparameters } from '../trainer/hyperparameters.ts';
import type { TrainingType } from '../trainer/training-types.ts';

export type DeviceKind = 'cpu' | 'cuda';

/** The rows of a training, in tokens. */
export interface Lengths {
  /** What a step takes so many of: sequences, or pairs of them. Of an epoch. */
  examples: number;
  /** Of all sequences of an epoch: of a pair of answers, with each. */
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
  | 'lora_alpha'
  | 'use_rslora'
  | 'lora_dropout'
  | 'lora_target_modules'
  | 'modules_to_save'
  | 'new_tokens'
  | 'use_dora'
  | 'packing'
  | 'activation_checkpointing'
  | 'weights'
  | 'optimizer'
  | 'sharding'
  | 'merge'
  | 'eval_steps'
  | 'early_stopping_patience'
  | 'loss_type'
> & { save_steps: number | null };

/** What a training begins from: adapters, a checkpoint of all weights, or a model in the layout of its base. */
export interface Beginning {
  kind: 'adapter' | 'checkpoint' | 'model';
  /** Of an adapter, as far as it is known; a whole name of a layer, or its end. */
  adapter?: AdapterForm | undefined;
  /** Beyond those of the base model. */
  new_tokens?: string[] | undefined;
}

export interface AdapterForm {
  r: number;
  lora_alpha: number;
  use_rslora: boolean;
  use_dora: boolean;
  target_modules: string[];
  modules_to_save: string[];
}

/** All that an estimate is made from. */
export interface Training {
  shape: ModelShape;
  /** Which weights are trained. */
  type: Exclude<TrainingType, 'dpo' | 'rag'>;
  /** Whether each row is a pair of answers. */
  isOfPairs: boolean;
  settings: Settings;
  lengths: Lengths;
  /** Optimizer steps. */
  steps: number;
  /** What it begins from, in place of the base model as it is. */
  start?: Beginning | undefined;
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

/** In what a step computes: where rows are packed, all weights do so in bf16 on the CPU as well (accelerations in trainer/training/optimisation.py). */
export function computedBytes(training: Training): 2 | 4 {
  const { settings, device } = training;
  return settings.packing && device.kind === 'cpu' && device.hasBf16 ? 2 : weightBytes(training);
}

/** Of how many parts of the model each device has one. */
export function partsOfModel({ settings, device }: Pick<Training, 'settings' | 'device'>): number {
  return settings.sharding === 'full' ? device.processes : 1;
}

/** Of each batch, what one device computes. */
export function sequencesAtOnce(training: Pick<Training, 'isOfPairs' | 'settings' | 'device'>): number {
  return sequencesOfRow(training) * Math.ceil(training.settings.batch_size / training.device.processes);
}

export function hasAdapters({ type }: Pick<Training, 'type'>): boolean {
  return type !== 'standard';
}

/** Sequences that a row is read as: of a pair of answers, one with each. */
export function sequencesOfRow({ isOfPairs }: Pick<Training, 'isOfPairs'>): number {
  return isOfPairs ? 2 : 1;
}

/** Of the longest sequence that is trained on, in tokens. */
export function longestOf({ lengths, settings }: Pick<Training, 'lengths' | 'settings'>): number {
  return Math.min(lengths.longest, settings.max_length);
}
