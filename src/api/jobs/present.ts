import type { Job } from '../../models/job.ts';
import type { Run } from '../../models/run.ts';
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

/** The latest run, as jobs and projects show it. */
export function presentRun(run: Run | null | undefined) {
  return {
    run_id: run?.id ?? null,
    run_number: run?.number ?? null,
    phase: run?.phase ?? null,
    current_step: run?.current_step ?? 0,
    total_steps: run?.total_steps ?? null,
    tokens_per_s: run?.tokens_per_s ?? null,
    seconds_left: run?.seconds_left ?? null,
    worker_id: run?.worker_id ?? null,
    output_path: run?.output_path ?? null,
    weights_sha256: run?.result?.weights_sha256 ?? null,
    validation: run?.validation ?? null,
    started_at: date(run?.started_at ?? null),
    completed_at: date(run?.finished_at ?? null),
  };
}
