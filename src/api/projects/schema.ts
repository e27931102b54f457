import { z } from 'zod';
import { HyperparameterChoicesSchema } from '../../models/run-spec.ts';
import { RUN_STATUSES, TRAINING_TYPES, TRAIT_TYPES } from '../../models/statuses.ts';
import { runFields } from '../runs/schema.ts';
import { dateField, idField, metadataPatch, nameField, pageOf, searchQuery, textField } from '../shared-schema.ts';

const traitFields = z.strictObject({
  trait_type: z.enum(TRAIT_TYPES),
  datasets: z.array(z.strictObject({ dataset_id: idField, percentage: z.number() })).max(100),
});

const traitList = z.array(traitFields).max(10);
const maxRows = z.int().min(1).max(10_000_000).default(50_000);

export const ProjectCreate = z
  .strictObject({
    name: nameField,
    description: textField.nullable().optional(),
    base_model: nameField.optional(),
    training_type: z.enum(TRAINING_TYPES).optional(),
    max_rows: maxRows,
    output_directory: z.string().min(1),
    traits: traitList,
    ...HyperparameterChoicesSchema.shape,
  })
  .openapi('ProjectCreate', {
    example: {
      name: 'My Reasoning Project',
      description: 'Fine-tuning for reasoning tasks',
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      training_type: 'qlora',
      max_rows: 50000,
      output_directory: '/output/my-project',
      traits: [
        { trait_type: 'reasoning', datasets: [{ dataset_id: 1, percentage: 100.0 }] },
        { trait_type: 'coding', datasets: [{ dataset_id: 2, percentage: 100.0 }] },
        {
          trait_type: 'general_tools',
          datasets: [
            { dataset_id: 3, percentage: 50.0 },
            { dataset_id: 4, percentage: 30.0 },
            { dataset_id: 5, percentage: 20.0 },
          ],
        },
      ],
    },
  });

export const ProjectSchema = z
  .object({
    id: idField,
    name: z.string(),
    description: z.string().nullable(),
    base_model: z.string(),
    training_type: z.enum(TRAINING_TYPES),
    max_rows: z.int(),
    output_directory: z.string(),
    status: z.enum(RUN_STATUSES),
    progress: z.number(),
    traits: z.array(
      z.object({
        id: idField,
        trait_type: z.enum(TRAIT_TYPES),
        datasets: z.array(z.object({ dataset_id: idField, percentage: z.number() })),
      }),
    ),
    hyperparameters: HyperparameterChoicesSchema,
    current_epoch: z.int(),
    current_loss: z.number().nullable(),
    error_message: z.string().nullable(),
    ...runFields,
    created_at: dateField,
    updated_at: dateField,
  })
  .openapi('Project');

export const ProjectListSchema = pageOf(ProjectSchema).omit({ pages: true }).openapi('ProjectList');

export const ProjectListQuery = searchQuery(50).extend({
  status: z.enum(RUN_STATUSES).optional(),
  training_type: z.enum(TRAINING_TYPES).optional(),
});

export const ProjectPlanRequest = z
  .strictObject({ max_rows: maxRows, traits: traitList })
  .openapi('ProjectPlanRequest', {
    example: { max_rows: 50000, traits: [{ trait_type: 'coding', datasets: [{ dataset_id: 2, percentage: 100.0 }] }] },
  });
export const ProjectPlanSchema = z
  .object({
    train_rows: z.int(),
    held_out_rows: z.int(),
    warnings: z.array(z.string()),
    traits: z.array(
      z.object({
        trait_type: z.enum(TRAIT_TYPES),
        requested: z.int().nullable(),
        allocated: z.int(),
        held_out: z.int(),
        limiting_dataset_id: idField.nullable(),
        datasets: z.array(
          z.object({
            dataset_id: idField,
            percentage: z.number(),
            rows: z.int(),
            held_out: z.int(),
            allocated: z.int(),
            effective_percentage: z.number(),
          }),
        ),
      }),
    ),
  })
  .openapi('ProjectPlan');

export const ProjectPatch = metadataPatch.openapi('ProjectPatch');

const checked = z.object({ valid: z.boolean(), errors: z.array(z.string()) });
export const ProjectValidationSchema = z
  .object({
    valid: z.boolean(),
    files: checked.extend({ files_checked: z.array(z.string()) }),
    loading: checked,
    errors: z.array(z.string()),
  })
  .openapi('ProjectValidation');

export const OutputDirectoryRequest = z
  .strictObject({ output_directory: z.string() })
  .openapi('OutputDirectoryRequest', { example: { output_directory: '/output/my-project' } });
export const OutputDirectorySchema = z
  .object({ valid: z.boolean(), writable: z.boolean(), path: z.string(), errors: z.array(z.string()) })
  .openapi('OutputDirectory');

export const ModelRequest = z
  .strictObject({ model_name: z.string().min(1).max(255) })
  .openapi('ModelRequest', { example: { model_name: 'meta-llama/Llama-3.2-3B-Instruct' } });
export const ModelSchema = z
  .object({ available: z.boolean(), model_name: z.string(), path: z.string().nullable(), errors: z.array(z.string()) })
  .openapi('Model');
