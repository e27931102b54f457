import { Worker } from '../../models/pool/worker.ts';
import { learningRateOf, type TrainingConfig } from '../../models/settings/training-config.ts';
import { retentionOf } from '../../models/storage/retention.ts';
import { configuredTrackers } from '../../models/trackers/configured-trackers.ts';
import type { Env } from '../../platform/env.ts';
import { date } from '../http/shared-schema.ts';

export async function presentConfig(config: TrainingConfig, env: Env) {
  return {
    id: config.id,
    max_concurrent_workers: config.max_concurrent_workers,
    active_workers: await Worker.count({
      where: { desired: 'running', status: ['starting', 'idle', 'busy'], start_after: null },
    }),
    default_model: config.default_model,
    default_training_type: config.default_training_type,
    default_batch_size: config.default_batch_size,
    default_learning_rate: learningRateOf(config, config.default_training_type),
    default_epochs: config.default_epochs,
    default_lora_r: config.default_lora_r,
    default_lora_alpha: config.default_lora_alpha,
    default_lora_dropout: config.default_lora_dropout,
    auto_start_workers: config.auto_start_workers,
    model_aliases: config.model_aliases,
    trackers: configuredTrackers(env),
    retention: retentionOf(config, env),
    created_at: date(config.created_at),
    updated_at: date(config.updated_at),
  };
}
