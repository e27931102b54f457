import { z } from 'zod';
import { HyperparameterChoicesSchema } from '../../models/runs/hyperparameter-choices.ts';
import { LEARNING_RATES_IN_WORDS } from '../../models/settings/learning-rates.ts';
import { RETENTION, type Retention, STORAGE_KINDS, type StorageKind } from '../../models/storage/retention.ts';
import { TRACKERS } from '../../models/trackers/trackers.ts';
import { TRAINING_TYPES } from '../../trainer/training-types.ts';
import { dateField, idField, nameField } from '../http/shared-schema.ts';

const bounds = HyperparameterChoicesSchema.required().shape;

const keepDays = z.number().min(0).max(36_500).nullable();

/** For how many days each kind is kept. */
const retentionField = z.strictObject(
  Object.fromEntries(
    STORAGE_KINDS.map((kind) => [kind, keepDays.openapi({ description: RETENTION[kind].what })]),
  ) as Record<StorageKind, typeof keepDays>,
);
const retentionDescription =
  'For how many days each kind of what is not needed is kept (GET /storage says what that is); null: for ever. A kind that is left out stays as it is.';

const fields = {
  max_concurrent_workers: z.int().min(1).max(32).openapi({
    description: 'The most workers at once: each trains one run. With a lower number, idle ones leave first.',
  }),
  default_model: nameField.openapi({ description: 'The base model of jobs and projects that name none.' }),
  default_training_type: z
    .enum(TRAINING_TYPES)
    .openapi({ description: 'The training type of jobs and projects that name none.' }),
  default_batch_size: bounds.batch_size,
  default_learning_rate: bounds.learning_rate,
  default_epochs: bounds.epochs,
  default_lora_r: bounds.lora_r,
  default_lora_alpha: bounds.lora_alpha,
  default_lora_dropout: bounds.lora_dropout,
  auto_start_workers: z.boolean().openapi({
    description: 'A run that waits starts a worker by itself, also after workers were stopped.',
  }),
  model_aliases: z.record(nameField, nameField).openapi({
    description:
      "Names by which OpenAI's clients ask for base models under /v1, each with the name of the base model that is meant.",
    example: { 'gpt-4o-mini-2024-07-18': 'HuggingFaceTB/SmolLM2-135M-Instruct' },
  }),
};

const description =
  `Of every training type, where somebody set one; else each type has its own: ${LEARNING_RATES_IN_WORDS}. ` +
  'Shown is that of the default training type; null sets none.';

export const ConfigPatch = z
  .strictObject({
    ...fields,
    default_learning_rate: bounds.learning_rate.nullable().openapi({ description }),
    retention: retentionField.partial().openapi({ description: retentionDescription }),
  })
  .partial()
  .openapi('ConfigPatch', {
    example: { max_concurrent_workers: 8, default_batch_size: 8, auto_start_workers: true },
  });

export const ConfigSchema = z
  .object({
    id: idField,
    ...fields,
    default_learning_rate: bounds.learning_rate.openapi({ description }),
    retention: retentionField.openapi({ description: retentionDescription }),
    trackers: z
      .array(z.enum(TRACKERS))
      .openapi({ description: 'The trackers that jobs and projects may name: settings of the service say which' }),
    active_workers: z.int(),
    created_at: dateField,
    updated_at: dateField,
  })
  .openapi('Config', {
    example: {
      id: 1,
      max_concurrent_workers: 4,
      active_workers: 2,
      default_model: 'llama3.2:3b',
      default_training_type: 'qlora',
      default_batch_size: 4,
      default_learning_rate: 0.0002,
      default_epochs: 3,
      default_lora_r: 16,
      default_lora_alpha: 32,
      default_lora_dropout: 0.05,
      auto_start_workers: false,
      model_aliases: {},
      trackers: ['mlflow'],
      retention: Object.fromEntries(STORAGE_KINDS.map((kind) => [kind, RETENTION[kind].days])) as Retention,
      created_at: '2024-01-01T00:00:00Z',
      updated_at: '2024-01-01T00:00:00Z',
    },
  });
