import type { Job } from '../../models/job.ts';
import { presentRun } from '../runs/present.ts';
import { date } from '../shared-schema.ts';

export function presentJob(job: Job) {
  const run = job.latestRun;
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    status: run?.status ?? 'pending',
    dataset_id: job.dataset_id,
    training_type: job.training_type,
    model_name: job.model_name,
    batch_size: job.batch_size,
    learning_rate: job.learning_rate,
    epochs: job.epochs,
    lora_r: job.lora_r,
    lora_alpha: job.lora_alpha,
    lora_dropout: job.lora_dropout,
    hyperparameters: job.hyperparameters,
    progress: run?.progress ?? 0,
    current_epoch: run?.current_epoch ?? 0,
    current_loss: run?.current_loss ?? null,
    error_message: run?.error_message ?? null,
    ...presentRun(run),
    created_at: date(job.created_at),
    updated_at: date(job.updated_at),
  };
}

export function presentJobStatus(job: Job) {
  const { id, status, progress, current_epoch, current_loss, error_message } = presentJob(job);
  return { id, status, progress, current_epoch, current_loss, error_message };
}
