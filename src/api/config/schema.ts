import { z } from 'zod';
import { TRAINING_TYPES } from '../../models/statuses.ts';
import { dateField, idField, nameField } from '../shared-schema.ts';

const fields = {
  max_concurrent_workers: z.int().min(1).max(32),
  default_model: nameField,
  default_training_type: z.enum(TRAINING_TYPES),
  default_batch_size: z.int().min(1).max(64),
  default_learning_rate: z.number().min(1e-6).max(1),
  default_epochs: z.int().min(1).max(100),
  default_lora_r: z.int().min(1).max(256),
  default_lora_alpha: z.int().min(1).max(512),
  default_lora_dropout: z.number().min(0).max(1),
  auto_start_workers: z.boolean(),
};

export const ConfigPatch = z
  .strictObject(fields)
  .partial()
  .openapi('ConfigPatch', {
    example: { max_concurrent_workers: 8, default_batch_size: 8, auto_start_workers: true },
  });

export const ConfigSchema = z
  .object({ id: idField, ...fields, active_workers: z.int(), created_at: dateField, updated_at: dateField })
  .openapi('Config');
