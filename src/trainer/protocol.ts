import { z } from 'zod';
import type { TrainingType } from './training-types.ts';

/** Version of the run file and of the event lines. A trainer refuses a run file of another version. */
export const PROTOCOL_VERSION = 1;

/** Exit codes of `python -m trainer`; the same table stands in trainer/README.md. */
export const EXIT_CODES = {
  done: 0,
  crash: 1,
  stopped: 10,
  badInput: 20,
  checkpointLost: 21,
  outOfMemory: 30,
  diverged: 31,
  diskFull: 32,
  machine: 33,
  parentGone: 40,
  leaseLost: 41,
} as const;

/** What is done with a row of more tokens than max_length: its end is cut off, it is left out, or it becomes several. */
export const TOO_LONG_CHOICES = ['truncate', 'drop', 'split'] as const;
export type TooLongChoice = (typeof TOO_LONG_CHOICES)[number];

/** Whether the rows of a step are about as long as each other, so that little is computed on padding. */
export const BATCHING_CHOICES = ['like_length', 'random'] as const;

/** In what all weights are trained: bf16 takes half the memory, and is rounded so that nothing is lost. */
export const WEIGHTS_CHOICES = ['fp32', 'bf16'] as const;

/** What is done with thoughts that a model's chat template has no place for: learnt in the text of the answer, or left out. */
export const REASONING_CHOICES = ['inline', 'drop'] as const;
/** What is done with calls of tools that it cannot show: the row is refused, or they are written as JSON in the text. */
export const TOOL_CALLS_CHOICES = ['refuse', 'json'] as const;
/** What is done with rows that cannot be learnt: the run is refused, or they are left out and counted. */
export const BAD_ROWS_CHOICES = ['refuse', 'skip'] as const;

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
  /** Of lora and qlora: names of the layers that get adapters; null, or not there: every linear layer but the output's. */
  lora_target_modules: z.array(z.string()).nullable().optional(),
  /** Activations are computed twice instead of kept: less memory, more time, the same result. */
  activation_checkpointing: z.boolean().optional(),
  /** Of standard: in what all weights are trained; null, or not there: fp32, unless a GPU has no room for that. */
  weights: z.enum(WEIGHTS_CHOICES).nullable().optional(),
  /** Not there: inline, refuse and refuse. */
  reasoning: z.enum(REASONING_CHOICES).optional(),
  tool_calls: z.enum(TOOL_CALLS_CHOICES).optional(),
  on_bad_rows: z.enum(BAD_ROWS_CHOICES).optional(),
});
export type Hyperparameters = z.infer<typeof HyperparametersSchema>;

/** `run.json`: what a person or a worker hands to `python -m trainer run.json`. Paths are absolute. */
export interface RunFile {
  protocol: typeof PROTOCOL_VERSION;
  /** train: up to a finished model in output_dir. validate: check, load, generate, evaluate. check: files and loading only. */
  task: 'train' | 'validate' | 'check';
  run_id: number;
  /** Issued by the database at each claim; checkpoints of different claims never share a path. */
  lease_epoch: number;
  training_type: TrainingType;
  model: { name: string; path: string };
  /** Of rag, where `model` writes text and answers: what makes the index. Null: `model` does. */
  embedding_model?: { name: string; path: string } | null;
  /**
   * Parquet with columns messages (JSON text), trait, dataset_id, row_number. held_out may be null. `datasets`: their names,
   * for the model card and the report.
   */
  data: { train: string; held_out: string | null; datasets: { id: number; name: string }[] };
  /** Holds checkpoints/ of this run, of all claims. */
  work_dir: string;
  /** Where the finished model is written (train) or read (validate, check). */
  output_dir: string;
  hyperparameters: Hyperparameters;
  /** CPU threads; part of what makes a resumed run bit-exact. */
  threads: number;
  /** That train together: each on a GPU of its own, or with a part of the threads. Only training has more than one. */
  processes?: number;
  /** Most of the time since training began that saving may take, by saving less often; null: every save_steps, and before the first evaluation. */
  save_share: number | null;
  /** The highest checkpoint step that the database knows; null when it knows none. */
  known_checkpoint_step: number | null;
  /** Of manifest.json in output_dir, as training told it: whether what lies there is another's. */
  known_manifest_sha256?: string | undefined;
  /** YYYY-MM-DD, what chat templates take for today. Not there, as in runs from before: whatever day it is. */
  today?: string | undefined;
  /** max_new_tokens null: as many as most answers need several times over, and more where a model thinks first (trainer/evaluation/generation.py). */
  validation: { max_rows_per_trait: number; max_new_tokens: number | null };
}

const step = z.number().int().nonnegative();

/** What nvidia-smi tells of the trainer's GPU; null what it does not tell. */
export const DeviceFiguresSchema = z.object({
  utilization_percent: z.number().nullable(),
  temperature_c: z.number().nullable(),
  power_w: z.number().nullable(),
  memory_used_bytes: z.number().nullable(),
  memory_total_bytes: z.number().nullable(),
});
export type DeviceFigures = z.infer<typeof DeviceFiguresSchema>;

/** One JSON line on fd 3. Unknown types are refused, so that both sides are changed together. */
const TrainerEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.literal(PROTOCOL_VERSION),
    pid: z.number().int(),
    task: z.string(),
    versions: z.record(z.string(), z.string()),
  }),
  z.object({
    type: z.literal('phase'),
    phase: z.enum([
      'loading_data',
      'loading_model',
      'training',
      'exporting',
      'checking_files',
      'checking_loading',
      'generating',
      'evaluating_base',
      'evaluating_tuned',
    ]),
    message: z.string().nullable(),
  }),
  z.object({
    type: z.literal('plan'),
    total_steps: step,
    steps_per_epoch: step,
    rows: step,
    /** What an epoch has: rows may be left out, and may be several. */
    examples: step,
    truncated_rows: step,
    dropped_rows: step,
    skipped_rows: step,
    /** Left out since they cannot be learnt (on_bad_rows: skip). */
    refused_rows: step.optional(),
    /** Of an epoch, as they are trained on. */
    tokens: step,
    tokens_by_dataset: z.array(z.object({ dataset_id: z.number().int(), tokens: step })),
    trainable_parameters: step,
    total_parameters: step,
    device: z.string(),
  }),
  z.object({ type: z.literal('resumed'), step, lease_epoch: z.number().int(), path: z.string() }),
  z.object({ type: z.literal('quarantined'), path: z.string(), reason: z.string() }),
  z.object({
    type: z.literal('step'),
    step,
    total_steps: step,
    epoch: z.number(),
    /** Null, as the next two, where nothing is learnt: rag. */
    loss: z.number().nullable(),
    learning_rate: z.number().nullable(),
    grad_norm: z.number().nullable(),
    tokens: step,
    tokens_per_s: z.number(),
    seconds_left: z.number().nullable(),
    /** The most so far, of the GPU's by tensors or else of the trainer's process. Events of older trainers have none. */
    memory_bytes: step.optional(),
    device: DeviceFiguresSchema.nullable().optional(),
  }),
  /** trait null: over all, where each trait counts the same. loss null: it was no number. Step 0: the base, before the first step. */
  z.object({ type: z.literal('eval'), step, trait: z.string().nullable(), loss: z.number().nullable(), rows: step }),
  z.object({
    type: z.literal('checkpoint'),
    step,
    epoch: z.number(),
    path: z.string(),
    manifest_sha256: z.string(),
    bytes: step,
    seconds: z.number(),
  }),
  z.object({ type: z.literal('pruned'), step, path: z.string() }),
  z.object({ type: z.literal('log'), level: z.enum(['info', 'warning']), message: z.string() }),
  z.object({ type: z.literal('done'), result: z.record(z.string(), z.unknown()) }),
  z.object({
    type: z.literal('error'),
    class: z.enum(['bad_input', 'checkpoint_lost', 'out_of_memory', 'diverged', 'disk_full', 'lease_lost', 'crash']),
    message: z.string(),
  }),
]);
export type TrainerEvent = z.infer<typeof TrainerEventSchema>;

/** How JSON writes what no text of PostgreSQL holds: the character NUL, and halves of pairs of surrogates. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

/**
 * The event that a line of the trainer tells. What no text of the database holds becomes U+FFFD: a model may say anything.
 * @throws SyntaxError, ZodError
 */
export function eventIn(line: string): TrainerEvent {
  return TrainerEventSchema.parse(UNSTORABLE.test(line) ? JSON.parse(line, storable) : JSON.parse(line));
}

function storable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/[\0\ud800-\udfff]/gu, '\ufffd') : value;
}

export type PlanEvent = Extract<TrainerEvent, { type: 'plan' }>;
export type StepEvent = Extract<TrainerEvent, { type: 'step' }>;
export type EvalEvent = Extract<TrainerEvent, { type: 'eval' }>;
export type CheckpointEvent = Extract<TrainerEvent, { type: 'checkpoint' }>;

/** `done.result` of the task train. */
export const TrainResultSchema = z.object({
  final_step: step,
  total_steps: step,
  /** Whether it ended before its last step since the held-out loss did not improve any more. */
  stopped_early: z.boolean().optional(),
  /** Of which step the exported model is: of the best evaluation where it could stop early, else of the last step. */
  exported_step: step.optional(),
  train_loss: z.number().nullable(),
  /** Of the trained weights: the adapter's file (lora, qlora), the model's (standard), or the embeddings (rag). */
  weights_sha256: z.string(),
  files: z.array(z.object({ path: z.string(), bytes: step, sha256: z.string() })),
});
export type TrainResult = z.infer<typeof TrainResultSchema>;

/** How a tuned model compares with its base on held-out rows. same: no difference that these rows show. */
export const VERDICTS = ['better', 'same', 'worse'] as const;

const figures = z.object({
  loss: z.number(),
  perplexity: z.number(),
  /** The share of asked rows that were answered to the letter; null where none was asked, as of plain texts. */
  exact_match: z.number().nullable(),
  /** How many answers came to the limit (max_new_tokens) before they ended. Not there in results from before it was counted. */
  cut_off: step.optional(),
});

/** Tuned less base, and the bounds between which it lies on rows like these, with the confidence of the comparison. */
const difference = z.object({ mean: z.number(), low: z.number(), high: z.number() });

/** Of held-out questions, those whose answer is among so many chunks; and the mean of 1 / its place. */
const recall = z.object({
  recall_at_1: z.number(),
  recall_at_5: z.number(),
  recall_at_10: z.number(),
  mrr: z.number(),
});

/** Of answers: the share that is right to the letter, and the mean F1 of their words with those of the expected ones. */
const answered = z.object({ exact_match: z.number(), f1: z.number() });

/** `done.result` of the tasks validate and check (check has no traits and no samples). */
export const ValidationResultSchema = z.object({
  valid: z.boolean(),
  files: z.object({ valid: z.boolean(), files_checked: z.array(z.string()), errors: z.array(z.string()) }),
  loading: z.object({ valid: z.boolean(), errors: z.array(z.string()) }),
  errors: z.array(z.string()),
  /** False of a model that is its base to the bit, which is not valid; null where its files were not right. */
  weights_changed: z.boolean().nullable().optional(),
  /** Worse where it is worse on any trait; null where nothing was compared. */
  verdict: z.enum(VERDICTS).nullable(),
  /** The verdict as a sentence with its figures. */
  summary: z.string(),
  /** Of the bounds of all differences below, such as 0.95. */
  confidence: z.number().optional(),
  /** How many tokens both were asked for at most. */
  max_new_tokens: step.optional(),
  /**
   * How held-out loss fell from base to tuned: in training, as it last measured it, and of the exported model, on the same rows. A
   * difference beyond its margin makes the model not valid. `note` says why they were not compared.
   */
  against_training: z
    .object({
      step: step.nullable(),
      note: z.string().nullable(),
      traits: z.array(
        z.object({
          trait: z.string(),
          rows: step,
          /** Where the base was in 4 bits, of qlora. */
          in_training: z.object({ base: z.number(), tuned: z.number() }),
          exported: z.object({ base: z.number(), tuned: z.number() }),
          /** How far the export's loss is above what would be left of its base's if it had fallen to the share that it did in training. */
          difference: z.number(),
          margin: z.number(),
        }),
      ),
    })
    .optional(),
  traits: z.array(
    z.object({
      trait: z.string(),
      rows: step,
      /** How many of them end in an answer that the model was asked for; not there in results from before: all. */
      asked: step.optional(),
      verdict: z.enum(VERDICTS),
      base: figures,
      tuned: figures,
      /** From 0 to 1, of answers that are numbers, JSON objects or code (trainer/validation/scorers.py); null for free text. */
      by_format: z.object({ scorer: z.string(), rows: step, base: z.number(), tuned: z.number() }).nullable(),
      loss_difference: difference.optional(),
      /** Of the score by format, or else of exact matches; null where nothing was asked. */
      score_difference: difference.nullable().optional(),
    }),
  ),
  samples: z.array(
    z.object({ trait: z.string(), prompt: z.string(), expected: z.string(), base: z.string(), tuned: z.string() }),
  ),
  /** Of rag, instead of the two above: whether held-out questions find their answers. */
  retrieval: z
    .array(
      z.object({
        trait: z.string(),
        questions: step,
        ...recall.shape,
        /** The same of hybrid search; not there in results from before there was one. */
        hybrid: recall.optional(),
        /** Where the base model answers: how it does with the index, and without. */
        answers: z
          .object({
            questions: step,
            /** Of each answer; not there in results from before it was told. */
            max_new_tokens: step.optional(),
            /** Questions beside these that the model has no room for, with a chunk and an answer. */
            too_long: step.optional(),
            with_retrieval: answered,
            without_retrieval: answered,
            /** The share of which is said that they are not in the documents, as the index is. */
            not_in_documents: z.number(),
            /** The same where the chunks of their answers are not found; 1 is right. */
            not_in_documents_with_answer_removed: z.number(),
            /** Answers with retrieval that had more tokens than they were to have. */
            cut_off: step,
            samples: z.array(
              z.object({
                question: z.string(),
                expected: z.string(),
                with_retrieval: z.string().nullable(),
                without_retrieval: z.string(),
              }),
            ),
          })
          .optional(),
        samples: z.array(
          z.object({ question: z.string(), expected: z.string(), found: z.string(), place: z.number().int() }),
        ),
      }),
    )
    .optional(),
});
export type ValidationResult = z.infer<typeof ValidationResultSchema>;
