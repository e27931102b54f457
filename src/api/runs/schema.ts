import { z } from 'zod';
import { EXPORT_FORMATS } from '../../models/exports/export.ts';
import { PRIORITIES } from '../../models/runs/order.ts';
import { AskedAfterSchema } from '../../models/runs/queue-choices.ts';
import { RUN_PHASES, RUN_STATUSES } from '../../models/runs/statuses.ts';
import { VERDICTS } from '../../trainer/results.ts';
import { dateField, examplePage, idField, integerParam, pageOf } from '../http/shared-schema.ts';
import { descentFields, NO_DESCENT } from './descent-schema.ts';
import { PlanSchema } from './plan.ts';

export const verdictFields = {
  verdict: z.enum(VERDICTS).nullable().openapi({
    description: 'How the model compares with its base; same: the held-out rows show no difference',
  }),
  verdict_summary: z.string().nullable().openapi({ description: 'The same as a sentence with its figures' }),
};

const outputFields = {
  output_path: z.string().nullable(),
  weights_sha256: z.string().nullable(),
  stopped_early: z
    .boolean()
    .nullable()
    .openapi({ description: 'Whether training ended before its last step, as early_stopping_patience asked' }),
  exported_step: z
    .int()
    .nullable()
    .openapi({ description: 'The step whose model this is: of the best evaluation with early stopping, or the last' }),
};
const NO_OUTPUT = { output_path: null, weights_sha256: null, stopped_early: null, exported_step: null };

const waitingFields = {
  waiting_for: z.string().nullable().openapi({
    description:
      'Why the run does not go on, while it is tried again and again; or how far the download of its base model is',
  }),
  waits_because: z.string().nullable().openapi({
    description: 'Why a run waits that is to be trained, as a sentence: held, not yet, after another, or behind others',
    example: 'It waits behind 4 others (1 of higher priority).',
  }),
  queue_place: z.int().nullable().openapi({ description: 'From 1, of a run that waits to be trained' }),
  priority: z.enum(PRIORITIES),
  not_before: dateField.nullable().openapi({ description: 'It does not begin earlier' }),
  after: AskedAfterSchema.nullable(),
};
const NOT_WAITING = {
  waiting_for: null,
  waits_because: null,
  queue_place: null,
  priority: 'normal' as const,
  not_before: null,
  after: null,
};

/** What jobs and projects both show of their latest run. */
export const runFields = {
  run_id: idField.nullable(),
  run_number: z.int().nullable(),
  phase: z.enum(RUN_PHASES).nullable(),
  current_step: z.int(),
  total_steps: z.int().nullable(),
  tokens_per_s: z.number().nullable(),
  seconds_left: z.number().nullable(),
  worker_id: z.string().nullable(),
  pause_reason: z.string().nullable(),
  ...waitingFields,
  ...outputFields,
  validation: z.record(z.string(), z.unknown()).nullable(),
  ...verdictFields,
  started_at: dateField.nullable(),
  completed_at: dateField.nullable(),
};

/** The same of a run under way. */
export const RUN_FIELDS = {
  run_id: 1,
  run_number: 1,
  phase: 'training' as const,
  current_step: 90,
  total_steps: 200,
  tokens_per_s: 1240.5,
  seconds_left: 84,
  worker_id: 'worker-abc123',
  pause_reason: null,
  ...NOT_WAITING,
  ...NO_OUTPUT,
  validation: null,
  verdict: null,
  verdict_summary: null,
  started_at: '2024-01-01T00:00:00Z',
  completed_at: null,
};

/** A run under way, as an example. */
export const RUN = {
  id: 1,
  number: 1,
  status: 'running' as const,
  phase: 'training' as const,
  progress: 45.5,
  current_step: 90,
  total_steps: 200,
  current_epoch: 2,
  current_loss: 0.234,
  error_class: null,
  error_message: null,
  worker_id: 'worker-abc123',
  pause_reason: null,
  ...NOT_WAITING,
  workflow_id: 'project-1-run-1',
  resumes_run_number: null,
  pinned: false,
  ...NO_DESCENT,
  ...NO_OUTPUT,
  verdict: null,
  verdict_summary: null,
  plan: null,
  base_model_revision: 'abc123',
  export_formats: ['gguf' as const, 'gguf_adapter' as const, 'merged_4bit' as const, 'hub' as const],
  spec: { training_type: 'qlora', base_model: 'meta-llama/Llama-3.2-3B-Instruct', max_rows: 50_000 },
  created_at: '2024-01-01T00:00:00Z',
  started_at: '2024-01-01T00:00:00Z',
  completed_at: null,
};

export const RunSchema = z
  .object({
    id: idField,
    number: z.int(),
    status: z.enum(RUN_STATUSES),
    phase: z.enum(RUN_PHASES),
    progress: z.number(),
    current_step: z.int(),
    total_steps: z.int().nullable(),
    current_epoch: z.int(),
    current_loss: z.number().nullable(),
    error_class: z.string().nullable(),
    error_message: z.string().nullable(),
    worker_id: z.string().nullable(),
    pause_reason: z.string().nullable(),
    ...waitingFields,
    workflow_id: z.string().openapi({ example: 'project-1-run-1' }),
    resumes_run_number: z.int().nullable(),
    pinned: z.boolean().openapi({ description: 'No policy removes anything of it' }),
    ...descentFields,
    ...outputFields,
    ...verdictFields,
    base_model_revision: z
      .string()
      .nullable()
      .openapi({ description: 'A hash; null until the base model was found for this run' }),
    export_formats: z
      .array(z.enum(EXPORT_FORMATS))
      .openapi({ description: 'As what its model may be exported; an adapter only where one was trained' }),
    spec: z.record(z.string(), z.unknown()).openapi({ description: 'Everything that repeats this run' }),
    // Null until its data is prepared.
    plan: z.union([PlanSchema, z.null()]),
    created_at: dateField,
    started_at: dateField.nullable(),
    completed_at: dateField.nullable(),
  })
  .openapi('Run', { example: RUN });
export const RunListSchema = pageOf(RunSchema).openapi('RunList', { example: examplePage(RUN) });

/** Which run of a job or project is meant. */
export const whichRun = {
  run: integerParam(1, 1_000_000).optional().openapi({ description: 'Number of the run; default: the latest' }),
};
export const RunQuery = z.strictObject(whichRun);
/** The same of what a run has made. */
export const OutputQuery = z.strictObject({
  run: whichRun.run.openapi({
    description: 'Number of the run; default: the latest version of a project, the newest completed run of a job',
  }),
});

export const LogsQuery = z.strictObject({
  ...whichRun,
  task: z.enum(['train', 'validate']).default('train'),
  tail: integerParam(1, 100_000).default(1_000).openapi({ description: 'How many of the last lines' }),
});

const CHECKPOINT = {
  step: 80,
  epoch: 1.6,
  bytes: 18_874_368,
  state: 'complete' as const,
  removed_because: null,
  pinned: false,
  manifest_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  created_at: '2024-01-01T00:00:00Z',
};

/** One that a run saved. */
export const CheckpointSchema = z
  .object({
    step: z.int(),
    epoch: z.number(),
    bytes: z.int(),
    state: z.enum(['complete', 'pruned', 'quarantined']),
    removed_because: z
      .string()
      .nullable()
      .openapi({ description: 'The policy by which a pruned one went after the run had ended' }),
    pinned: z.boolean().openapi({ description: 'Neither its trainer nor a policy removes it' }),
    manifest_sha256: z.string(),
    created_at: dateField,
  })
  .openapi('Checkpoint', { example: CHECKPOINT });

export const CheckpointsSchema = z
  .object({ run_number: z.int(), items: z.array(CheckpointSchema) })
  .openapi('Checkpoints', { example: { run_number: 1, items: [CHECKPOINT] } });
