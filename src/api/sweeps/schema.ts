import { z } from 'zod';
import { PRIORITIES } from '../../models/runs/order.ts';
import { AskedAfterSchema, AskedQueueSchema } from '../../models/runs/queue-choices.ts';
import { RUN_PHASES, RUN_STATUSES } from '../../models/runs/statuses.ts';
import { MOST_RUNS, SearchSchema } from '../../models/sweeps/search.ts';
import { SWEEP_STATUSES } from '../../models/sweeps/sweep.ts';
import {
  createdByField,
  dateField,
  downloadField,
  examplePage,
  forceField,
  idField,
  nameField,
  pageOf,
  pageQuery,
  textField,
} from '../http/shared-schema.ts';
import { JobCreate } from '../jobs/schema.ts';
import { ProjectCreate } from '../projects/schema.ts';

const MOST_RUNGS = 10;

const SEARCH = {
  method: 'grid' as const,
  hyperparameters: { learning_rate: [0.0001, 0.0002], lora_r: [8, 16] },
};
const JOB = { dataset_id: 1, model_name: 'llama3.2:3b', training_type: 'qlora' as const, max_steps: 200 };
const ASKED = {
  name: 'Which learning rate',
  job: JOB,
  search: SEARCH,
  early_stop: { method: 'halving' as const, rungs: [20, 60] },
  max_concurrent_runs: 2,
};

const EarlyStopSchema = z.strictObject({
  method: z.literal('halving'),
  rungs: z
    .array(z.int().min(1).max(10_000_000))
    .min(1)
    .max(MOST_RUNGS)
    .openapi({ description: 'Rising steps; at each the worse half of the runs is stopped, by their held-out loss' }),
});

const SweptJob = JobCreate.partial({ name: true }).openapi('SweptJob', { example: JOB });

const SweptProject = ProjectCreate.omit({ followed_by: true })
  .partial({ name: true, output_directory: true, traits: true })
  .extend({ force: forceField, download: downloadField, ...AskedQueueSchema.shape })
  .openapi('SweptProject', {
    example: { base_model: 'llama3.2:3b', training_type: 'qlora', max_rows: 10_000, output_directory: 'mixtures' },
  });

export const SweepCreate = z
  .strictObject({
    name: nameField,
    description: textField.nullable().optional(),
    job: SweptJob.optional().openapi({
      description: 'What all runs have, as POST /jobs/ takes it; the name is optional. Either this, or project',
    }),
    project: SweptProject.optional().openapi({
      description:
        'What all runs have, as POST /projects/ takes it, without traits where the search has mixtures. The models go into folders of output_directory',
    }),
    search: SearchSchema.meta({ description: 'What they have each' }),
    early_stop: EarlyStopSchema.nullable().optional(),
    max_concurrent_runs: z.int().min(1).max(MOST_RUNS).default(1).openapi({ description: 'How many train at a time' }),
  })
  .openapi('SweepCreate', { example: ASKED });

const loss = z.number().nullable();

/** One of them is null. */
const ownerFields = { job_id: idField.nullable(), project_id: idField.nullable() };

const SweepRunSchema = z.object({
  ...ownerFields,
  name: z.string(),
  settings: z.record(z.string(), z.unknown()).openapi({ description: 'What it has that the others have otherwise' }),
  status: z.enum(RUN_STATUSES),
  phase: z.enum(RUN_PHASES),
  progress: z.number(),
  current_step: z.int(),
  total_steps: z.int().nullable(),
  pause_reason: z.string().nullable(),
  error_message: z.string().nullable(),
  priority: z.enum(PRIORITIES),
  not_before: dateField.nullable(),
  after: AskedAfterSchema.nullable(),
  rung_losses: z
    .array(loss)
    .openapi({ description: 'At each rung, in their order; null: not measured there, or not yet' }),
  held_out_loss: loss.openapi({ description: 'Of its published model' }),
  evaluations: z
    .array(z.object({ step: z.int(), loss: z.number() }))
    .openapi({ description: 'The held-out loss while it trained' }),
});

const OWNER = { job_id: 3, project_id: null };
const RUN = {
  ...OWNER,
  name: 'Which learning rate 1: learning_rate 0.0001, lora_r 8',
  settings: { learning_rate: 0.0001, lora_r: 8 },
  status: 'completed' as const,
  phase: 'finished' as const,
  progress: 100,
  current_step: 200,
  total_steps: 200,
  pause_reason: null,
  error_message: null,
  priority: 'normal' as const,
  not_before: null,
  after: null,
  evaluations: [
    { step: 20, loss: 2.31 },
    { step: 60, loss: 1.7 },
  ],
  rung_losses: [2.31, 1.7],
  held_out_loss: 1.2,
};

const ids = z.array(idField).openapi({ description: 'Of its jobs, or of its projects' });

const TraitWinnerSchema = z.object({
  trait_type: z.string(),
  held_out_loss: z.number().openapi({ description: 'Of the winner over all traits' }),
  best: z.object({ ...ownerFields, held_out_loss: z.number() }),
  not_told_apart: ids.openapi({ description: 'Jobs, or projects, that the held-out rows do not tell from best' }),
});

const summaryFields = {
  id: idField,
  name: z.string(),
  description: z.string().nullable(),
  status: z.enum(SWEEP_STATUSES),
  run_count: z.int(),
  duplicates_dropped: z.int().openapi({ description: 'Combinations of the search that were there already' }),
  rungs_done: z.int(),
  winner: z
    .object({
      ...ownerFields,
      settings: z.record(z.string(), z.unknown()),
      held_out_loss: z.number(),
      not_told_apart: ids.openapi({ description: 'Jobs, or projects, that the held-out rows do not tell from it' }),
      traits: z.array(TraitWinnerSchema).openapi({ description: 'The same of each trait alone' }),
      sentence: z.string().openapi({ description: 'Why it is the winner, with its figures' }),
    })
    .nullable(),
  error_message: z.string().nullable(),
  created_by: createdByField,
  created_at: dateField,
  updated_at: dateField,
  finished_at: dateField.nullable(),
};

const SUMMARY = {
  id: 1,
  name: ASKED.name,
  description: null,
  status: 'completed' as const,
  run_count: 4,
  duplicates_dropped: 0,
  rungs_done: 2,
  winner: {
    ...OWNER,
    settings: RUN.settings,
    held_out_loss: 1.2,
    not_told_apart: [],
    traits: [{ trait_type: 'all', held_out_loss: 1.2, best: { ...OWNER, held_out_loss: 1.2 }, not_told_apart: [] }],
    sentence: 'Job 3 has the lowest held-out loss of 4 runs: 1.200. No other run came to its end.',
  },
  error_message: null,
  created_by: 'anna',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T01:00:00Z',
  finished_at: '2024-01-01T01:00:00Z',
};

export const SweepSummarySchema = z.object(summaryFields).openapi('SweepSummary', { example: SUMMARY });

const asked = z.union([z.record(z.string(), z.unknown()), z.null()]);

export const SweepSchema = z
  .object({
    ...summaryFields,
    job: asked.openapi({ description: 'As it was asked for, with eval_steps; null where it is of a project' }),
    project: asked.openapi({ description: 'Likewise; null where it is of a job' }),
    search: SearchSchema,
    early_stop: EarlyStopSchema.nullable(),
    max_concurrent_runs: z.int(),
    rungs: z.array(
      z.object({
        step: z.int(),
        losses: z.array(z.object({ ...ownerFields, loss })).openapi({ description: 'The best first' }),
        kept: ids,
        stopped: ids,
      }),
    ),
    runs: z
      .array(SweepRunSchema)
      .openapi({ description: 'In the order in which they begin. A deleted job is not there' }),
  })
  .openapi('Sweep', {
    example: {
      ...SUMMARY,
      ...ASKED,
      project: null,
      rungs: [{ step: 20, losses: [{ ...OWNER, loss: 2.31 }], kept: [3], stopped: [] }],
      runs: [RUN],
    },
  });

export const SweepListQuery = pageQuery(10).extend({ status: z.enum(SWEEP_STATUSES).optional() });

export const SweepListSchema = pageOf(SweepSummarySchema).openapi('SweepList', { example: examplePage(SUMMARY) });
