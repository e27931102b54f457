import { z } from 'zod';
import { DEFAULT_MAX_REPEATS, HELD_OUT_CHOICES, SIMILAR_ROWS_CHOICES } from '../../datasets/mixing-rule.ts';
import { MIXING_POLICIES } from '../../datasets/shares.ts';
import {
  BAD_ROWS_CHOICES,
  BATCHING_CHOICES,
  FINETUNING_TYPE_CHOICES,
  LOSS_TYPE_CHOICES,
  LR_SCHEDULER_CHOICES,
  OPTIMIZER_CHOICES,
  REASONING_CHOICES,
  SHARDING_CHOICES,
  TOO_LONG_CHOICES,
  TOOL_CALLS_CHOICES,
  TRAIN_ON_CHOICES,
  WEIGHTS_CHOICES,
} from '../../trainer/hyperparameters.ts';
import { HYPERPARAMETER_SENTENCES, MIXING_SENTENCES } from './choice-sentences.ts';

/** Of a row, in tokens. */
export const DEFAULT_MAX_LENGTH = 1024;

/** What is taken of hyperparameters that nobody chose, and that the configuration has no default of. */
export const HYPERPARAMETER_DEFAULTS = {
  gradient_accumulation: 1,
  max_length: DEFAULT_MAX_LENGTH,
  seed: 42,
  save_steps: null,
  max_steps: null,
  too_long: 'truncate',
  batching: 'like_length',
  packing: false,
  eval_steps: null,
  early_stopping_patience: null,
  compile: false,
  chunk_tokens: 200,
  chunk_overlap: 20,
  merge: true,
  lora_target_modules: null,
  modules_to_save: null,
  new_tokens: null,
  activation_checkpointing: false,
  reasoning: 'inline',
  tool_calls: 'refuse',
  on_bad_rows: 'refuse',
  lr_scheduler: 'cosine',
  warmup_steps: null,
  warmup_ratio: null,
  weight_decay: 0,
  max_grad_norm: 1,
  optimizer: null,
  use_rslora: false,
  use_dora: false,
  loraplus_lr_ratio: null,
  neftune_noise_alpha: null,
  train_on: 'answers',
  beta: 0.1,
  loss_type: 'sigmoid',
  finetuning_type: 'lora',
  sharding: 'none',
} as const;

/** Of hyperparameters that are also made from what users of another API choose. */
export const BATCH_SIZES = { least: 1, most: 64 };
export const LEARNING_RATES = { least: 1e-6, most: 1 };
export const SEEDS = { least: 0, most: 2_147_483_647 };

const MIXING_DEFAULTS = {
  policy: 'shrink',
  max_repeats: DEFAULT_MAX_REPEATS,
  similar_rows: 'count',
  held_out: 'by_share',
} as const;

/** MOST_OF_TOKEN in trainer/runs/checks.py, which refuses the same. */
const MOST_OF_TOKEN = 64;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out.
const TOKEN = /^[^\s\u0000-\u001f\u007f-\u009f]*$/;

export const NewTokensSchema = z
  .array(
    z
      .string()
      .min(1)
      .max(MOST_OF_TOKEN)
      .regex(TOKEN, 'give texts without spaces or control characters, such as "<think>"')
      .refine((token) => !/\p{Surrogate}/u.test(token), 'must not have half of a surrogate pair'),
  )
  .min(1)
  .max(1_000)
  .refine((tokens) => new Set(tokens).size === tokens.length, 'has a token twice; name each once');

/** Hyperparameters that a user may choose; what is left out comes from the configuration or from HYPERPARAMETER_DEFAULTS. */
export const HyperparameterChoicesSchema = z.strictObject({
  batch_size: z.int().min(BATCH_SIZES.least).max(BATCH_SIZES.most).meta(about('batch_size')).optional(),
  gradient_accumulation: z.int().min(1).max(1024).meta(about('gradient_accumulation')).optional(),
  learning_rate: z.number().min(LEARNING_RATES.least).max(LEARNING_RATES.most).meta(about('learning_rate')).optional(),
  epochs: z.int().min(1).max(100).meta(about('epochs')).optional(),
  lora_r: z.int().min(1).max(256).meta(about('lora_r')).optional(),
  lora_alpha: z.int().min(1).max(512).meta(about('lora_alpha')).optional(),
  lora_dropout: z.number().min(0).lt(1).meta(about('lora_dropout')).optional(),
  max_length: z.int().min(16).max(131_072).meta(about('max_length')).optional(),
  seed: z.int().min(SEEDS.least).max(SEEDS.most).meta(about('seed')).optional(),
  save_steps: z.int().min(1).max(100_000).meta(about('save_steps')).optional(),
  max_steps: z.int().min(1).max(10_000_000).meta(about('max_steps')).optional(),
  too_long: z.enum(TOO_LONG_CHOICES).meta(about('too_long')).optional(),
  batching: z.enum(BATCHING_CHOICES).meta(about('batching')).optional(),
  packing: z.boolean().meta(about('packing')).optional(),
  eval_steps: z.int().min(0).max(100_000).meta(about('eval_steps')).optional(),
  early_stopping_patience: z.int().min(1).max(1_000).meta(about('early_stopping_patience')).optional(),
  compile: z.boolean().meta(about('compile')).optional(),
  chunk_tokens: z.int().min(16).max(8192).meta(about('chunk_tokens')).optional(),
  chunk_overlap: z.int().min(0).max(4096).meta(about('chunk_overlap')).optional(),
  merge: z.boolean().meta(about('merge')).optional(),
  lora_target_modules: namesOf('layers', 'q_proj').meta(about('lora_target_modules')).optional(),
  modules_to_save: namesOf('modules', 'embed_tokens').meta(about('modules_to_save')).optional(),
  new_tokens: NewTokensSchema.meta({ ...about('new_tokens'), uniqueItems: true }).optional(),
  activation_checkpointing: z.boolean().meta(about('activation_checkpointing')).optional(),
  weights: z.enum(WEIGHTS_CHOICES).meta(about('weights')).optional(),
  reasoning: z.enum(REASONING_CHOICES).meta(about('reasoning')).optional(),
  tool_calls: z.enum(TOOL_CALLS_CHOICES).meta(about('tool_calls')).optional(),
  on_bad_rows: z.enum(BAD_ROWS_CHOICES).meta(about('on_bad_rows')).optional(),
  train_on: z.enum(TRAIN_ON_CHOICES).meta(about('train_on')).optional(),
  lr_scheduler: z.enum(LR_SCHEDULER_CHOICES).meta(about('lr_scheduler')).optional(),
  warmup_steps: z.int().min(0).max(10_000_000).meta(about('warmup_steps')).optional(),
  warmup_ratio: z.number().min(0).max(1).meta(about('warmup_ratio')).optional(),
  optimizer: z.enum(OPTIMIZER_CHOICES).meta(about('optimizer')).optional(),
  weight_decay: z.number().min(0).max(1).meta(about('weight_decay')).optional(),
  max_grad_norm: z.number().min(0).max(1_000).meta(about('max_grad_norm')).optional(),
  use_rslora: z.boolean().meta(about('use_rslora')).optional(),
  use_dora: z.boolean().meta(about('use_dora')).optional(),
  loraplus_lr_ratio: z.number().min(1).max(1_000).meta(about('loraplus_lr_ratio')).optional(),
  neftune_noise_alpha: z.number().gt(0).max(1_000).meta(about('neftune_noise_alpha')).optional(),
  beta: z.number().gt(0).max(10).meta(about('beta')).optional(),
  loss_type: z.enum(LOSS_TYPE_CHOICES).meta(about('loss_type')).optional(),
  finetuning_type: z.enum(FINETUNING_TYPE_CHOICES).meta(about('finetuning_type')).optional(),
  sharding: z.enum(SHARDING_CHOICES).meta(about('sharding')).optional(),
});
export type HyperparameterChoices = z.infer<typeof HyperparameterChoicesSchema>;

/** In place of a number: what src/commands/estimates/resolve-batch.ts finds. */
export const AUTO = 'auto';

/** The same as they are asked for: runs keep numbers alone. */
export const AskedChoicesSchema = HyperparameterChoicesSchema.extend({
  batch_size: z
    .union([z.literal(AUTO), z.int().min(BATCH_SIZES.least).max(BATCH_SIZES.most)])
    .meta({
      description: `${HYPERPARAMETER_SENTENCES.batch_size} "auto": the largest that fits, with the same rows per step.`,
    })
    .optional(),
  rows_per_step: z
    .int()
    .min(1)
    .max(65_536)
    .meta({ description: 'batch_size times gradient_accumulation; in place of the latter.' })
    .optional(),
});
export type AskedChoices = z.infer<typeof AskedChoicesSchema>;

/** How rows are mixed where datasets run out of them (shares.ts), or have the same ones (rows-in-common.ts). */
export const MixingChoicesSchema = z.strictObject({
  policy: z.enum(MIXING_POLICIES).meta(aboutMixing('policy')).optional(),
  max_repeats: z.int().min(2).max(100).meta(aboutMixing('max_repeats')).optional(),
  similar_rows: z.enum(SIMILAR_ROWS_CHOICES).meta(aboutMixing('similar_rows')).optional(),
  held_out: z.enum(HELD_OUT_CHOICES).meta(aboutMixing('held_out')).optional(),
});
export type MixingChoices = z.infer<typeof MixingChoicesSchema>;

function namesOf(what: string, example: string) {
  return z
    .array(z.string().regex(/^[\w.-]{1,128}$/, `give names of ${what}, such as "${example}"`))
    .min(1)
    .max(64);
}

function about(name: keyof typeof HYPERPARAMETER_SENTENCES) {
  const defaults: Partial<Record<string, string | number | boolean | null>> = HYPERPARAMETER_DEFAULTS;
  return described(HYPERPARAMETER_SENTENCES[name], defaults[name] ?? null);
}

function aboutMixing(name: keyof typeof MIXING_SENTENCES) {
  return described(MIXING_SENTENCES[name], MIXING_DEFAULTS[name]);
}

/**
 * A field for readers of the document. Its default is not JSON Schema's `default`: generators of clients take a field that has one for
 * one that is always there, and the same fields stand in answers, which show what was chosen alone.
 */
function described(sentence: string, standard: string | number | boolean | null) {
  if (standard === null) return { description: sentence };
  return { description: `${sentence} Default: ${standard}.`, 'x-default': standard };
}
