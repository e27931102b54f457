import { z } from 'zod';

/** What is done with a row of more tokens than max_length: its end is cut off, it is left out, or it becomes several. */
export const TOO_LONG_CHOICES = ['truncate', 'drop', 'split'] as const;
export type TooLongChoice = (typeof TOO_LONG_CHOICES)[number];

/** Whether the rows of a step are about as long as each other, so that little is computed on padding. */
export const BATCHING_CHOICES = ['like_length', 'random'] as const;

/** In what all weights are trained: bf16 takes half the memory, and is rounded so that nothing is lost. */
export const WEIGHTS_CHOICES = ['fp32', 'bf16'] as const;

/** How the learning rate goes on behind the warm-up. */
export const LR_SCHEDULER_CHOICES = [
  'cosine',
  'linear',
  'constant',
  'constant_with_warmup',
  'warmup_stable_decay',
] as const;

export const OPTIMIZER_CHOICES = ['adamw', 'adamw_8bit', 'paged_adamw_8bit', 'adafactor', 'lion', 'muon'] as const;

/** What is learnt of a conversation. */
export const TRAIN_ON_CHOICES = ['answers', 'everything', 'last_answer'] as const;

/** What is done with thoughts that a model's chat template has no place for: learnt in the text of the answer, or left out. */
export const REASONING_CHOICES = ['inline', 'drop'] as const;
/** What is done with calls of tools that it cannot show: the row is refused, or they are written as JSON in the text. */
export const TOOL_CALLS_CHOICES = ['refuse', 'json'] as const;
/** What is done with rows that cannot be learnt: the run is refused, or they are left out and counted. */
export const BAD_ROWS_CHOICES = ['refuse', 'skip'] as const;

/** How a preference for one of two answers is learnt. */
export const LOSS_TYPE_CHOICES = ['sigmoid', 'ipo', 'orpo'] as const;

/** What learns it: adapters on the base as it is, or in 4 bits, or all weights. */
export const FINETUNING_TYPE_CHOICES = ['lora', 'qlora', 'full'] as const;

/** What of a model each of a run's GPUs has: all of it, or a part, and what it computes with meanwhile (FSDP2). */
export const SHARDING_CHOICES = ['none', 'full'] as const;

/** Everything that decides the weights. Two trainings with equal values end with equal weights on the CPU. */
export const HyperparametersSchema = z.object({
  batch_size: z.number().int(),
  gradient_accumulation: z.number().int(),
  learning_rate: z.number(),
  epochs: z.number().int(),
  lora_r: z.number().int(),
  lora_alpha: z.number().int(),
  lora_dropout: z.number(),
  /** Longest row in tokens; longer ones are cut and counted. */
  max_length: z.number().int(),
  seed: z.number().int(),
  /** Optimizer steps between checkpoints. */
  save_steps: z.number().int(),
  /** Most optimizer steps; null means as many as the epochs give. */
  max_steps: z.number().int().nullable(),
  /** Not there, as in runs from before there was a choice: truncate. */
  too_long: z.enum(TOO_LONG_CHOICES).optional(),
  /** Likewise: random. */
  batching: z.enum(BATCHING_CHOICES).optional(),
  /** Of qlora, lora and standard: the rows of a step are laid end to end, each read by itself, in place of batches that are padded. Not there: false. */
  packing: z.boolean().optional(),
  /** Steps between evaluations on held-out rows; null: so that it costs little; 0: never. No evaluation changes a weight. */
  eval_steps: z.number().int().nullable().optional(),
  /** Evaluations without a better one after which training ends and the best model is exported; null: it goes on. */
  early_stopping_patience: z.number().int().nullable().optional(),
  /** torch.compile: slow to begin, faster where steps are many and alike. */
  compile: z.boolean().optional(),
  /** Of rag: the size of a chunk, and what two that follow each other have in common, in tokens. Not there: 200 and 20. */
  chunk_tokens: z.number().int().optional(),
  chunk_overlap: z.number().int().optional(),
  /** Whether the output of lora or qlora holds the merged model beside the adapter. Not there: it does. */
  merge: z.boolean().optional(),
  /** Of adapters: names of the layers that get some; null, or not there: every linear layer but the output's. */
  lora_target_modules: z.array(z.string()).nullable().optional(),
  /** Likewise: names of embeddings, of the output's layer, or of norms that are trained whole beside adapters; null, or not there: none. */
  modules_to_save: z.array(z.string()).nullable().optional(),
  /** Tokens that the vocabulary of the base lacks, behind its own in this order; null, or not there: none. */
  new_tokens: z.array(z.string()).nullable().optional(),
  /** Activations are computed twice instead of kept: less memory, more time, the same result. */
  activation_checkpointing: z.boolean().optional(),
  /** Where all weights are trained: in what; null, or not there: fp32, unless a GPU has no room for that. */
  weights: z.enum(WEIGHTS_CHOICES).nullable().optional(),
  /** Not there: inline, refuse and refuse. */
  reasoning: z.enum(REASONING_CHOICES).optional(),
  tool_calls: z.enum(TOOL_CALLS_CHOICES).optional(),
  on_bad_rows: z.enum(BAD_ROWS_CHOICES).optional(),
  /** Not there: cosine. */
  lr_scheduler: z.enum(LR_SCHEDULER_CHOICES).optional(),
  /** Steps in which the learning rate rises, or their share of all; neither: 3 %. */
  warmup_steps: z.number().int().nullable().optional(),
  warmup_ratio: z.number().nullable().optional(),
  /** Not there: 0, and 1. */
  weight_decay: z.number().optional(),
  max_grad_norm: z.number().optional(),
  /** Null, or not there: AdamW, in 8 bits where adapters on 4 bits are trained on a GPU. */
  optimizer: z.enum(OPTIMIZER_CHOICES).nullable().optional(),
  /** Of lora and qlora, as is the next. */
  use_rslora: z.boolean().optional(),
  use_dora: z.boolean().optional(),
  /** Likewise: how much faster the second matrix of an adapter learns than the first. */
  loraplus_lr_ratio: z.number().nullable().optional(),
  neftune_noise_alpha: z.number().nullable().optional(),
  /** Not there: answers. */
  train_on: z.enum(TRAIN_ON_CHOICES).optional(),
  /** Of dpo. Not there: 0.1, sigmoid and lora. */
  beta: z.number().optional(),
  loss_type: z.enum(LOSS_TYPE_CHOICES).optional(),
  finetuning_type: z.enum(FINETUNING_TYPE_CHOICES).optional(),
  /** Not there: none. */
  sharding: z.enum(SHARDING_CHOICES).optional(),
});
export type Hyperparameters = z.infer<typeof HyperparametersSchema>;
