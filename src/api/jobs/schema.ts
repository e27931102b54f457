import { z } from 'zod';
import { AskedChoicesSchema, HyperparameterChoicesSchema } from '../../models/runs/hyperparameter-choices.ts';
import { AskedQueueSchema } from '../../models/runs/queue-choices.ts';
import { AskedStartSchema } from '../../models/runs/start.ts';
import { RUN_STATUSES } from '../../models/runs/statuses.ts';
import { TRAINING_TYPES } from '../../trainer/training-types.ts';
import {
  createdByField,
  dateField,
  downloadField,
  embeddingModelField,
  examplePage,
  forceField,
  idField,
  metadataPatch,
  nameField,
  pageOf,
  searchQuery,
  startsFromField,
  textField,
  trackersField,
} from '../http/shared-schema.ts';
import { RUN_FIELDS, runFields } from '../runs/schema.ts';

/** The reference's example. Where else a field has to be added: src/models/jobs/job.ts. */
const CHOSEN = {
  name: 'My Training Job',
  description: 'Fine-tuning with custom data',
  dataset_id: 1,
  training_type: 'qlora' as const,
  model_name: 'llama3.2:3b',
  batch_size: 4,
  learning_rate: 0.0002,
  epochs: 3,
  lora_r: 16,
  lora_alpha: 32,
  lora_dropout: 0.05,
};

const STATUS = {
  id: 1,
  status: 'running' as const,
  progress: 45.5,
  current_epoch: 2,
  current_loss: 0.234,
  error_message: null,
};

const JOB = {
  ...CHOSEN,
  validation_dataset_id: null,
  embedding_model: null,
  starts_from: null,
  trackers: [],
  ...STATUS,
  hyperparameters: {},
  sweep_id: null,
  ...RUN_FIELDS,
  created_by: 'anna',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:00:00Z',
};

export const JobCreate = z
  .strictObject({
    name: nameField,
    description: textField.nullable().optional(),
    dataset_id: idField,
    validation_dataset_id: idField.nullable().optional().openapi({
      description:
        'A dataset that the held-out rows come from: the loss on them is shown while it trains, base and tuned are compared on them, and all rows of dataset_id are trained on. Null, or left out: some rows of dataset_id are held out.',
    }),
    training_type: z.enum(TRAINING_TYPES).optional(),
    model_name: nameField.optional(),
    embedding_model: embeddingModelField.nullable().optional(),
    starts_from: startsFromField,
    trackers: trackersField.optional(),
    force: forceField,
    download: downloadField,
    ...AskedQueueSchema.shape,
    ...AskedChoicesSchema.shape,
  })
  .openapi('JobCreate', { example: CHOSEN });

/**
 * A job as it would be created; only what its rows and steps depend on has to be there. Without `force`: a plan says whether it fits, and
 * refuses nothing for that.
 */
export const JobPlanRequest = JobCreate.omit({ force: true })
  .partial({ name: true })
  .openapi('JobPlanRequest', {
    example: { dataset_id: 1, model_name: 'llama3.2:3b', epochs: 3 },
  });

export const JobSchema = z
  .object({
    id: idField,
    name: z.string(),
    description: z.string().nullable(),
    status: z.enum(RUN_STATUSES),
    dataset_id: idField,
    validation_dataset_id: idField.nullable(),
    training_type: z.enum(TRAINING_TYPES),
    model_name: z.string(),
    embedding_model: z.string().nullable(),
    starts_from: AskedStartSchema.nullable(),
    trackers: trackersField,
    batch_size: z.int(),
    learning_rate: z.number(),
    epochs: z.int(),
    lora_r: z.int(),
    lora_alpha: z.int(),
    lora_dropout: z.number(),
    hyperparameters: HyperparameterChoicesSchema,
    sweep_id: idField.nullable().openapi({ description: 'The sweep that it is a run of' }),
    progress: z.number(),
    current_epoch: z.int(),
    current_loss: z.number().nullable(),
    error_message: z.string().nullable(),
    ...runFields,
    created_by: createdByField,
    created_at: dateField,
    updated_at: dateField,
  })
  .openapi('Job', { example: JOB });

export const JobStatusSchema = z
  .object({
    id: idField,
    status: z.enum(RUN_STATUSES),
    progress: z.number(),
    current_epoch: z.int(),
    current_loss: z.number().nullable(),
    error_message: z.string().nullable(),
  })
  .openapi('JobStatus', { example: STATUS });

export const JobListSchema = pageOf(JobSchema).openapi('JobList', { example: examplePage(JOB) });

export const JobListQuery = searchQuery(10).extend({
  status: z.enum(RUN_STATUSES).optional(),
  training_type: z.enum(TRAINING_TYPES).optional(),
});

export const JobPatch = metadataPatch.openapi('JobPatch');
