import { z } from 'zod';
import { ShareSchema, TraitListSchema } from '../../models/projects/trait-request.ts';
import { TRAIT_TYPES } from '../../models/projects/trait-types.ts';
import {
  AskedChoicesSchema,
  HyperparameterChoicesSchema,
  MixingChoicesSchema,
} from '../../models/runs/hyperparameter-choices.ts';
import { AskedQueueSchema } from '../../models/runs/queue-choices.ts';
import { AskedStartSchema } from '../../models/runs/start.ts';
import { RUN_STATUSES } from '../../models/runs/statuses.ts';
import { GateSchema } from '../../models/versions/gate.ts';
import { TRAINING_TYPES } from '../../trainer/training-types.ts';
import {
  createdByField,
  dateField,
  downloadField,
  embeddingModelField,
  idField,
  metadataPatch,
  nameField,
  pageOf,
  searchQuery,
  startsFromField,
  textField,
  trackersField,
} from '../http/shared-schema.ts';
import { PLAN_ANSWER, PlanAnswerSchema } from '../runs/plan.ts';
import { RUN_FIELDS, runFields } from '../runs/schema.ts';

const maxRows = z
  .int()
  .min(1)
  .max(10_000_000)
  .default(50_000)
  .openapi({ description: 'The most rows to train on, of all traits together.' });

/** The second part of a project. */
const followingFields = {
  training_type: z.enum(TRAINING_TYPES),
  max_rows: z.int().min(1).max(10_000_000).optional().openapi({ description: 'Left out: as of the project' }),
  traits: TraitListSchema.optional().openapi({ description: 'Left out: those of the project' }),
};
const followedByField = z
  .union([z.strictObject({ ...followingFields, ...AskedChoicesSchema.shape }), z.null()])
  .optional()
  .openapi({
    description:
      'A second run, which begins from the model of the first as soon as that has completed. Its adapters are as those of the first, unless it says so',
  });
const followedByShown = z.union([z.object({ ...followingFields, ...HyperparameterChoicesSchema.shape }), z.null()]);
const gateField = z.union([GateSchema, z.null()]).openapi({
  description: 'What must hold for a model to become the latest version by itself; null: nothing',
});

/** The reference's example. */
const CHOSEN = {
  name: 'My Reasoning Project',
  description: 'Fine-tuning for reasoning tasks',
  base_model: 'meta-llama/Llama-3.2-3B-Instruct',
  training_type: 'qlora' as const,
  max_rows: 50_000,
  output_directory: '/output/my-project',
  traits: [
    { trait_type: 'reasoning' as const, datasets: [{ dataset_id: 1, percentage: 100.0 }] },
    { trait_type: 'coding' as const, datasets: [{ dataset_id: 2, percentage: 100.0 }] },
    {
      trait_type: 'general_tools' as const,
      datasets: [
        { dataset_id: 3, percentage: 50.0 },
        { dataset_id: 4, percentage: 30.0 },
        { dataset_id: 5, percentage: 20.0 },
      ],
    },
  ],
};

const PROJECT = {
  id: 1,
  ...CHOSEN,
  embedding_model: null,
  starts_from: null,
  trackers: [],
  followed_by: null,
  status: 'running' as const,
  progress: 45.5,
  traits: CHOSEN.traits.map((trait, index) => ({
    id: index + 1,
    weight: 1,
    ...trait,
  })),
  mixing: {},
  gate: null,
  hyperparameters: {},
  sweep_id: null,
  current_epoch: 2,
  current_loss: 0.234,
  error_message: null,
  ...RUN_FIELDS,
  created_by: 'anna',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:00:00Z',
};

export const ProjectCreate = z
  .strictObject({
    name: nameField,
    description: textField.nullable().optional(),
    base_model: nameField.optional(),
    embedding_model: embeddingModelField.nullable().optional(),
    starts_from: startsFromField,
    trackers: trackersField.optional(),
    followed_by: followedByField,
    training_type: z.enum(TRAINING_TYPES).optional(),
    max_rows: maxRows,
    output_directory: z.string().min(1),
    traits: TraitListSchema,
    mixing: MixingChoicesSchema.optional(),
    gate: gateField.optional(),
    ...AskedQueueSchema.shape,
    ...AskedChoicesSchema.shape,
  })
  .openapi('ProjectCreate', { example: CHOSEN });

export const ProjectSchema = z
  .object({
    id: idField,
    name: z.string(),
    description: z.string().nullable(),
    base_model: z.string(),
    embedding_model: z.string().nullable(),
    starts_from: AskedStartSchema.nullable(),
    trackers: trackersField,
    followed_by: followedByShown,
    training_type: z.enum(TRAINING_TYPES),
    max_rows: z.int(),
    output_directory: z.string(),
    status: z.enum(RUN_STATUSES),
    progress: z.number(),
    traits: z.array(
      z.object({
        id: idField,
        trait_type: z.enum(TRAIT_TYPES),
        weight: z.number(),
        datasets: z.array(ShareSchema),
      }),
    ),
    mixing: MixingChoicesSchema,
    gate: gateField,
    hyperparameters: HyperparameterChoicesSchema,
    sweep_id: idField.nullable().openapi({ description: 'The sweep that it is a run of' }),
    current_epoch: z.int(),
    current_loss: z.number().nullable(),
    error_message: z.string().nullable(),
    ...runFields,
    created_by: createdByField,
    created_at: dateField,
    updated_at: dateField,
  })
  .openapi('Project', { example: PROJECT });

export const ProjectListSchema = pageOf(ProjectSchema)
  .omit({ pages: true })
  .openapi('ProjectList', { example: { items: [PROJECT], total: 1, page: 1, page_size: 50 } });

export const ProjectListQuery = searchQuery(50).extend({
  status: z.enum(RUN_STATUSES).optional(),
  training_type: z.enum(TRAINING_TYPES).optional(),
});

/** A project as it would be created; only what its mixture depends on has to be there. */
export const ProjectPlanRequest = ProjectCreate.partial({ name: true, output_directory: true })
  .extend({ download: downloadField })
  .openapi('ProjectPlanRequest', {
    example: {
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      max_rows: 50000,
      traits: [{ trait_type: 'coding', datasets: [{ dataset_id: 2, percentage: 100.0 }] }],
    },
  });
export const ProjectPlanAnswerSchema = PlanAnswerSchema.extend({
  followed_by: z.union([PlanAnswerSchema, z.null()]).openapi({ description: 'The plan of the second run' }),
}).openapi('ProjectPlan', { example: { ...PLAN_ANSWER, followed_by: null } });
export const ProjectPatch = metadataPatch.extend({ gate: gateField.optional() }).openapi('ProjectPatch');

const checked = z.object({ valid: z.boolean(), errors: z.array(z.string()) });
export const ProjectValidationSchema = z
  .object({
    valid: z.boolean(),
    files: checked.extend({ files_checked: z.array(z.string()) }),
    loading: checked,
    errors: z.array(z.string()),
  })
  .openapi('ProjectValidation', {
    example: {
      valid: true,
      files: { valid: true, files_checked: ['config.json', 'tokenizer.json'], errors: [] },
      loading: { valid: true, errors: [] },
      errors: [],
    },
  });

export const OutputDirectoryRequest = z
  .strictObject({ output_directory: z.string() })
  .openapi('OutputDirectoryRequest', { example: { output_directory: '/output/my-project' } });
export const OutputDirectorySchema = z
  .object({ valid: z.boolean(), writable: z.boolean(), path: z.string(), errors: z.array(z.string()) })
  .openapi('OutputDirectory', {
    example: { valid: true, writable: true, path: '/output/my-project', errors: [] },
  });

export const ModelRequest = z
  .strictObject({ model_name: z.string().min(1).max(255) })
  .openapi('ModelRequest', { example: { model_name: 'meta-llama/Llama-3.2-3B-Instruct' } });
export const ModelSchema = z
  .object({
    available: z.boolean(),
    model_name: z.string(),
    path: z.string().nullable(),
    errors: z.array(z.string()),
    resolved_name: z.string().nullable(),
    revision: z.string().nullable(),
  })
  .openapi('Model', {
    example: {
      available: true,
      model_name: 'meta-llama/Llama-3.2-3B-Instruct',
      path: '/home/user/.cache/huggingface/hub/models--meta-llama--Llama-3.2-3B-Instruct/snapshots/abc123',
      errors: [],
      resolved_name: 'meta-llama/Llama-3.2-3B-Instruct',
      revision: 'abc123',
    },
  });

export const ModelListSchema = z.array(z.string()).openapi('ModelList', {
  example: [
    'meta-llama/Llama-3.2-3B-Instruct',
    'microsoft/Phi-3-mini-4k-instruct',
    'mistralai/Mistral-7B-Instruct-v0.2',
  ],
});
