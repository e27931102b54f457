import { z } from 'zod';
import { METHODS } from '../../../models/openai/openai-job.ts';
import { SEEDS } from '../../../models/runs/hyperparameter-choices.ts';
import { forceField } from '../../http/shared-schema.ts';
import { cursorQuery, listOf, presentList } from '../lists.ts';
import { Integrations, ShownIntegrations } from './integrations.ts';

export const JobParams = z.object({ job_id: z.string().min(1).max(255) });

/** A number, or what the service decides. */
function auto<N extends z.ZodType>(number: N) {
  return z.union([z.literal('auto'), number]);
}

const Hyperparameters = z.strictObject({
  n_epochs: auto(z.int().min(1).max(50)).optional(),
  batch_size: auto(z.int().min(1).max(256)).optional(),
  learning_rate_multiplier: auto(z.number().gt(0)).optional(),
});

const PreferenceHyperparameters = Hyperparameters.extend({ beta: auto(z.number().gt(0).max(2)).optional() });

const MOST_PAIRS = 16;
const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= MOST_PAIRS, `must not have more than ${MOST_PAIRS} pairs`);

/** Left out and null mean the same: some clients send what they were not given. */
export const JobCreate = z
  .strictObject({
    model: z.string().min(1).max(255).openapi({
      description:
        'A base model of this machine, or one of the names that model_aliases of the configuration has for them',
    }),
    training_file: z.string().min(1).max(255).openapi({ description: 'The id of a file for fine-tune' }),
    validation_file: z.string().min(1).max(255).nullable().optional().openapi({
      description:
        'The id of a file for fine-tune whose examples are held out: the loss on them is shown, base and tuned are compared on them, and none is trained on. Without it some examples of the training file are held out',
    }),
    hyperparameters: Hyperparameters.nullable().optional().openapi({ description: 'As in the method' }),
    method: z
      .strictObject({
        type: z.enum(METHODS, 'must be "supervised" or "dpo": reinforcement is not offered'),
        supervised: z.strictObject({ hyperparameters: Hyperparameters.nullable().optional() }).nullable().optional(),
        dpo: z
          .strictObject({ hyperparameters: PreferenceHyperparameters.nullable().optional() })
          .nullable()
          .optional()
          .openapi({
            description:
              'Learns from pairs of answers, of which one is preferred. beta: how close it stays to the base model; "auto" is what training type dpo has',
          }),
      })
      .nullable()
      .optional(),
    suffix: z
      .string()
      .min(1)
      .max(64)
      .nullable()
      .optional()
      .openapi({ description: "Becomes a part of the model's name" }),
    seed: z.int().min(SEEDS.least).max(SEEDS.most).nullable().optional(),
    force: forceField,
    metadata: Metadata.nullable().optional(),
    integrations: Integrations,
  })
  .openapi('FineTuningJobCreate', {
    example: {
      model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      training_file: 'file-BK7bzQj3FfZFXr7DbL6xJwfo',
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 3, batch_size: 'auto' } } },
      suffix: 'support-tone',
      seed: 42,
    },
  });

const ID = 'ftjob-kwAStiUQGVBw0Ar9QSVW9V2K';
const HYPERPARAMETERS = { n_epochs: 3, batch_size: 4, learning_rate_multiplier: 1 };
const JOB = {
  id: ID,
  object: 'fine_tuning.job' as const,
  created_at: 1_790_000_000,
  error: null,
  fine_tuned_model: null,
  finished_at: null,
  hyperparameters: HYPERPARAMETERS,
  model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  organization_id: 'local',
  result_files: [],
  seed: 42,
  status: 'running' as const,
  trained_tokens: null,
  training_file: 'file-BK7bzQj3FfZFXr7DbL6xJwfo',
  validation_file: null,
  integrations: [],
  estimated_finish: 1_790_003_600,
  method: { type: 'supervised' as const, supervised: { hyperparameters: HYPERPARAMETERS } },
  metadata: null,
  user_provided_suffix: 'support-tone',
};

const Chosen = z.object({
  n_epochs: auto(z.int()),
  batch_size: auto(z.int()),
  learning_rate_multiplier: auto(z.number()),
});

export const JOB_STATUSES = [
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
] as const;

export const JobSchema = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job'),
    created_at: z.int(),
    error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
    fine_tuned_model: z.string().nullable(),
    finished_at: z.int().nullable(),
    hyperparameters: Chosen,
    model: z.string(),
    organization_id: z.string(),
    result_files: z.array(z.string()).openapi({ description: 'Losses by step: the base64 of a CSV' }),
    seed: z.int(),
    status: z.enum(JOB_STATUSES),
    trained_tokens: z.int().nullable(),
    training_file: z.string(),
    validation_file: z.string().nullable(),
    integrations: ShownIntegrations,
    estimated_finish: z.int().nullable(),
    method: z
      .object({
        type: z.enum(METHODS),
        supervised: z.object({ hyperparameters: Chosen }).optional(),
        dpo: z.object({ hyperparameters: Chosen.extend({ beta: auto(z.number()) }) }).optional(),
      })
      .openapi({ description: 'Its hyperparameters are under the name of its type' }),
    metadata: z.record(z.string(), z.string()).nullable(),
    user_provided_suffix: z.string().nullable(),
  })
  .openapi('FineTuningJob', { example: JOB });

export const JobListSchema = listOf(JobSchema).openapi('FineTuningJobList', {
  example: presentList([JOB], 1),
});

/** `metadata[key]=value`, any number of them, beside the cursor. */
export const JobListQuery = cursorQuery({ most: 100, standard: 20 }).catchall(z.string());

const EVENT = {
  id: 'ftevent-42',
  object: 'fine_tuning.job.event' as const,
  created_at: 1_790_000_000,
  level: 'info' as const,
  message: 'Step 10/90: training loss=0.42',
  type: 'metrics' as const,
  data: { step: 10, total_steps: 90, train_loss: 0.42 },
};

export const EventListQuery = cursorQuery({ most: 1_000, standard: 20 });
export const EventListSchema = listOf(
  z.object({
    id: z.string(),
    object: z.literal('fine_tuning.job.event'),
    created_at: z.int(),
    level: z.enum(['info', 'warn', 'error']),
    message: z.string(),
    type: z.enum(['message', 'metrics']),
    data: z.record(z.string(), z.unknown()),
  }),
).openapi('FineTuningJobEventList', {
  example: presentList([EVENT], 1),
});

const CHECKPOINT = {
  id: 'ftckpt_7',
  object: 'fine_tuning.job.checkpoint' as const,
  created_at: 1_790_000_000,
  fine_tuned_model_checkpoint: 'ft:HuggingFaceTB/SmolLM2-135M-Instruct:local:support-tone:kwAStiUQ:ckpt-step-60',
  fine_tuning_job_id: ID,
  step_number: 60,
  metrics: { step: 60, train_loss: 0.42 },
};

export const CheckpointListQuery = cursorQuery({ most: 100, standard: 10 });
export const CheckpointListSchema = listOf(
  z.object({
    id: z.string(),
    object: z.literal('fine_tuning.job.checkpoint'),
    created_at: z.int(),
    fine_tuned_model_checkpoint: z.string(),
    fine_tuning_job_id: z.string(),
    step_number: z.int(),
    metrics: z.record(z.string(), z.number()),
  }),
).openapi('FineTuningJobCheckpointList', {
  example: presentList([CHECKPOINT], 1),
});
