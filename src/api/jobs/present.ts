import type { Attributes } from 'sequelize';
import type { Job } from '../../models/jobs/job.ts';
import type { WithLatestRun } from '../../models/runs/latest-run.ts';
import { date } from '../http/shared-schema.ts';
import { presentRun } from '../runs/present.ts';

export function presentJob(job: WithLatestRun<Attributes<Job>>) {
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    dataset_id: job.dataset_id,
    validation_dataset_id: job.validation_dataset_id,
    training_type: job.training_type,
    model_name: job.model_name,
    embedding_model: job.embedding_model,
    starts_from: job.starts_from,
    trackers: job.trackers,
    batch_size: job.batch_size,
    learning_rate: job.learning_rate,
    epochs: job.epochs,
    lora_r: job.lora_r,
    lora_alpha: job.lora_alpha,
    lora_dropout: job.lora_dropout,
    hyperparameters: job.hyperparameters,
    sweep_id: job.sweep_id,
    ...presentRun(job),
    created_by: job.created_by,
    created_at: date(job.created_at),
    updated_at: date(job.updated_at),
  };
}

export function presentJobStatus(job: WithLatestRun<Attributes<Job>>) {
  const { id, status, progress, current_epoch, current_loss, error_message } = presentJob(job);
  return { id, status, progress, current_epoch, current_loss, error_message };
}
