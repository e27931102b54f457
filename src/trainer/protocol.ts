import { z } from 'zod';
import type { GateToHold } from './gate-result.ts';
import type { Hyperparameters } from './hyperparameters.ts';
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
   * What it begins from in place of the base as it is, with its hash (start_identity in trainer/outputs/start.py). Null, or not there: the base.
   * new_tokens: those that it has beyond the base's, which are the first of the run's.
   */
  start?: {
    path: string;
    kind: 'adapter' | 'checkpoint' | 'model';
    name: string;
    sha256: string;
    new_tokens?: string[] | null;
  } | null;
  /**
   * Parquet with columns messages (JSON text), of preferences rejected, trait, dataset_id, row_number. held_out may be null. `datasets`: their names,
   * for the model card and the report. held_out_is_chosen: somebody gave these rows, so that measuring on them may cost something.
   */
  data: {
    train: string;
    held_out: string | null;
    held_out_is_chosen?: boolean;
    datasets: { id: number; name: string }[];
  };
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
  /** After so many steps it measures, saves and exits as `stopped`, unless it has ended by then. Null, or not there: it trains to its end. */
  hold_step?: number | null;
  /** Of manifest.json in output_dir, as training told it: whether what lies there is another's. */
  known_manifest_sha256?: string | undefined;
  /** YYYY-MM-DD, what chat templates take for today. Not there, as in runs from before: whatever day it is. */
  today?: string | undefined;
  /** Where is kept what the next training with the same model need not do again. Not there: nowhere. */
  cache_dir?: string | undefined;
  /** Of validate: what must hold for the model to be promoted. */
  gate?: GateToHold | null;
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
    /** Of the longest of these. Events of older trainers, and of rag, have none. */
    longest_tokens: step.optional(),
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
    /** Of dpo: by how much the chosen answers' rewards are above the rejected ones', and of how many pairs they are, as a share. */
    reward_margin: z.number().nullable().optional(),
    reward_accuracy: z.number().nullable().optional(),
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
    /** From its step until it was durable. */
    seconds: z.number(),
    /** So long of them the training stood still. Events of older trainers have none: it stood still all the time. */
    waited_seconds: z.number().optional(),
  }),
  z.object({ type: z.literal('pruned'), step, path: z.string() }),
  /** How much of base and tuned on held-out rows is done. */
  z.object({
    type: z.literal('compared'),
    percent: z.number().min(0).max(100),
    seconds_left: z.number().nullable(),
  }),
  z.object({
    type: z.literal('spans'),
    /** From the trainer's start until now: its first step, or its first comparison. */
    seconds: z.number(),
    /** Parts of that time, which may lie within one another: from when, counted from the trainer's start, and how long. */
    spans: z.array(z.object({ name: z.string(), from_s: z.number(), seconds: z.number() })),
  }),
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
export type SpansEvent = Extract<TrainerEvent, { type: 'spans' }>;
export type EvalEvent = Extract<TrainerEvent, { type: 'eval' }>;
export type LogEvent = Extract<TrainerEvent, { type: 'log' }>;
export type ComparedEvent = Extract<TrainerEvent, { type: 'compared' }>;
export type CheckpointEvent = Extract<TrainerEvent, { type: 'checkpoint' }>;
