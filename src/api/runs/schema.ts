import { z } from 'zod';
import { MIXTURE_PARTS } from '../../datasets/mixture.ts';
import { RUN_PHASES, RUN_STATUSES } from '../../models/runs/statuses.ts';
import { AnswerSchema, FoundChunkSchema, SEARCHES } from '../../retrieval/bundle-protocol.ts';
import { DeviceFiguresSchema, VERDICTS } from '../../trainer/protocol.ts';
import { dateField, examplePage, idField, integerParam, pageOf, questionField } from '../http/shared-schema.ts';
import { PlanSchema } from './plan.ts';

const verdictFields = {
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
  waiting_for: z
    .string()
    .nullable()
    .openapi({ description: 'Why the run does not go on, while it is tried again and again' }),
  queue_place: z.int().nullable().openapi({ description: 'From 1, of a run that waits to be trained' }),
};
const NOT_WAITING = { waiting_for: null, queue_place: null };

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

const RUN = {
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
  ...NO_OUTPUT,
  verdict: null,
  verdict_summary: null,
  plan: null,
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
    ...outputFields,
    ...verdictFields,
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
const whichRun = {
  run: integerParam(1, 1_000_000).optional().openapi({ description: 'Number of the run; default: the latest' }),
};
export const RunQuery = z.strictObject(whichRun);

export const STREAM_PLACE = /^(0|[1-9][0-9]{0,18})-[0-9]{1,15}$/;
export const EventsQuery = z.strictObject({
  ...whichRun,
  after: z
    .string()
    .regex(STREAM_PLACE, 'must be the id of an event, like 812-93')
    .optional()
    .openapi({ description: 'Id of the last event seen; the header Last-Event-ID says the same', example: '812-93' }),
  access_token: z.string().optional().openapi({
    description: "An API key, for clients that cannot send Authorization, such as a browser's EventSource",
  }),
});
export const EventsHeaders = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .openapi({ description: 'Id of the last event seen; one that is none of this API is ignored', example: '812-93' }),
});
/** What each event of the stream has. */
export const EventSchema = z
  .object({
    id: z.string().optional().openapi({ description: 'For Last-Event-ID' }),
    event: z.string().openapi({
      description:
        'status, phase, step, checkpoint, log, … or, at the end of the run, end. spans, at the first step of each attempt and before the first comparison of a validation, says where the time went until then: each has a name, from_s (0 is when the trainer said hello), and seconds; they may lie within one another.',
    }),
    data: z.string().openapi({ description: 'JSON' }),
  })
  .openapi('RunEvent', { example: { id: '812-93', event: 'step', data: '{"step": 7, "loss": 0.749}' } });

export const MetricsQuery = z.strictObject({
  ...whichRun,
  points: integerParam(2, 10_000).default(500),
});
export const MetricsSchema = z
  .object({
    run_number: z.int(),
    steps: z.int(),
    points: z.array(
      z.object({
        step: z.int(),
        epoch: z.number(),
        loss: z.number().nullable(),
        eval_loss: z.number().nullable(),
        learning_rate: z.number().nullable(),
        grad_norm: z.number().nullable(),
        tokens: z.int().nullable(),
        tokens_per_s: z.number().nullable(),
        memory_bytes: z.int().nullable(),
        device: DeviceFiguresSchema.nullable(),
      }),
    ),
  })
  .openapi('Metrics', {
    example: {
      run_number: 1,
      steps: 200,
      points: [
        {
          step: 90,
          epoch: 1.8,
          loss: 0.234,
          eval_loss: 0.312,
          learning_rate: 0.0001,
          grad_norm: 0.8,
          tokens: 46_080,
          tokens_per_s: 1240.5,
          memory_bytes: 3_435_973_836,
          device: null,
        },
      ],
    },
  });

export const LogsQuery = z.strictObject({
  ...whichRun,
  task: z.enum(['train', 'validate']).default('train'),
  tail: integerParam(1, 100_000).default(1_000).openapi({ description: 'How many of the last lines' }),
});

export const ReportSchema = z
  .looseObject({
    valid: z.boolean(),
    verdict: verdictFields.verdict,
    summary: z.string(),
    traits: z.array(z.looseObject({ trait: z.string(), rows: z.int(), verdict: z.enum(VERDICTS) })),
  })
  .openapi('Report', {
    example: {
      valid: true,
      verdict: 'better',
      summary:
        'The tuned model is better than its base on held-out rows of reasoning (loss 1.412 to 0.874, number 12% to 47%).',
      traits: [
        {
          trait: 'reasoning',
          rows: 32,
          asked: 32,
          verdict: 'better',
          base: { loss: 1.412, perplexity: 4.104, exact_match: 0, cut_off: 2 },
          tuned: { loss: 0.874, perplexity: 2.396, exact_match: 0.031, cut_off: 0 },
          by_format: { scorer: 'number', rows: 32, base: 0.125, tuned: 0.469 },
          loss_difference: { mean: -0.538, low: -0.611, high: -0.469 },
          score_difference: { mean: 0.344, low: 0.156, high: 0.531 },
        },
      ],
    },
  });

const whichPart = { part: z.enum(MIXTURE_PARTS).default('train') };
export const MixtureFileQuery = z.strictObject({ ...whichRun, ...whichPart });
export const MixtureQuery = z.strictObject({
  ...whichRun,
  ...whichPart,
  offset: integerParam(0, 2_147_483_647).default(0),
  rows: integerParam(1, 100).default(10),
});
export const MixtureSchema = z
  .object({
    run_number: z.int(),
    part: z.enum(MIXTURE_PARTS),
    total: z.int(),
    sha256: z.string().openapi({ description: 'Of the file that can be downloaded' }),
    manifest: z.record(z.string(), z.unknown()).openapi({ description: 'What repeats this mixture to the byte' }),
    items: z.array(
      z.object({
        trait: z.string(),
        dataset_id: idField,
        row_number: z.int().openapi({ description: 'In the dataset, from 0' }),
        messages: z.array(z.looseObject({ role: z.string(), content: z.string() })),
        tools: z.array(z.unknown()).nullable(),
      }),
    ),
  })
  .openapi('Mixture', {
    example: {
      run_number: 1,
      part: 'train',
      total: 50_000,
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      manifest: { mixing_version: 1, random_version: 'sfc32-sha256-1', seed: 42 },
      items: [
        {
          trait: 'reasoning',
          dataset_id: 1,
          row_number: 4711,
          messages: [
            { role: 'user', content: 'What is 2 + 2?' },
            { role: 'assistant', content: '4' },
          ],
          tools: null,
        },
      ],
    },
  });

export const CheckpointsSchema = z
  .object({
    run_number: z.int(),
    items: z.array(
      z.object({
        step: z.int(),
        epoch: z.number(),
        bytes: z.int(),
        state: z.enum(['complete', 'pruned', 'quarantined']),
        manifest_sha256: z.string(),
        created_at: dateField,
      }),
    ),
  })
  .openapi('Checkpoints', {
    example: {
      run_number: 1,
      items: [
        {
          step: 80,
          epoch: 1.6,
          bytes: 18_874_368,
          state: 'complete',
          manifest_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          created_at: '2024-01-01T00:00:00Z',
        },
      ],
    },
  });

export const StartAgain = z
  .strictObject({
    fresh: z
      .boolean()
      .default(false)
      .openapi({ description: 'Start at step 0 with the settings of now, not at the last checkpoint' }),
  })
  .openapi('StartAgain', { example: { fresh: false } });

export const QueryRequest = z
  .strictObject({
    question: questionField,
    top_k: z.int().min(1).max(100).default(5),
    search: z.enum(SEARCHES).default('vector').openapi({
      description: 'vector: by meaning; hybrid: by the words in common with the question as well (BM25)',
    }),
    answer: z
      .boolean()
      .default(false)
      .openapi({ description: 'Whether the base model answers from the chunks that are found' }),
    stream: z
      .boolean()
      .default(false)
      .openapi({ description: 'Whether the answer comes as it is said, as Server-Sent Events' }),
    max_answer_tokens: z.int().min(1).max(4096).default(256),
  })
  .openapi('QueryRequest', { example: { question: 'How do I reverse a list?', top_k: 1 } });
export const QuerySchema = z
  .object({
    run_number: z.int(),
    base_model: z.string(),
    embedding_model: z.string().openapi({ description: 'That made the index: the base model, where nothing answers' }),
    results: z.array(FoundChunkSchema),
    answer: z.union([AnswerSchema, z.null()]).openapi({ description: 'Null where none was asked for' }),
  })
  .openapi('QueryResult', {
    example: {
      run_number: 1,
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      embedding_model: 'sentence-transformers/all-MiniLM-L6-v2',
      results: [
        {
          score: 0.812,
          cosine: 0.812,
          bm25: null,
          chunk: 17,
          text: 'Call list.reverse(), or take list[::-1] for a copy.',
          question: 'How is a list turned around?',
          trait: 'coding',
          dataset_id: 2,
          row_number: 41,
        },
      ],
      answer: { text: 'Call list.reverse().', in_documents: true, chunks: [17], is_cut_off: false },
    },
  });
/** What each event of a streamed answer has. */
export const QueryEventSchema = z
  .object({
    event: z.enum(['chunks', 'text', 'answer', 'error']).openapi({
      description:
        'chunks: all but the answer; text: a piece of what is said; answer: all of it, and whether it rests on the chunks; error: why there is none',
    }),
    data: z.string().openapi({ description: 'JSON' }),
  })
  .openapi('QueryEvent', { example: { event: 'text', data: '{"text": "Call "}' } });
