import type { Attributes } from 'sequelize';
import type { Job } from '../../models/job.ts';
import { presentRun, type WithLatestRun } from '../runs/present.ts';
import { date } from '../shared-schema.ts';

export function presentJob(job: WithLatestRun<Attributes<Job>>) {
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    dataset_id: job.dataset_id,
    training_type: job.training_type,
    model_name: job.model_name,
    embedding_model: job.embedding_model,
    batch_size: job.batch_size,
    learning_rate: job.learning_rate,
    epochs: job.epochs,
    lora_r: job.lora_r,
    lora_alpha: job.lora_alpha,
    lora_dropout: job.lora_dropout,
    hyperparameters: job.hyperparameters,
    ...presentRun(job),
    created_at: date(job.created_at),
    updated_at: date(job.updated_at),
  };
}

export function presentJobStatus(job: WithLatestRun<Attributes<Job>>) {
  const { id, status, progress, current_epoch, current_loss, error_message } = presentJob(job);
  return { id, status, progress, current_epoch, current_loss, error_message };
}
