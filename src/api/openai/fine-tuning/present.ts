import type { z } from 'zod';
import { type FoundJob, modelNameOf } from '../../../commands/openai/fine-tuning-jobs.ts';
import type { Job } from '../../../models/jobs/job.ts';
import type { OpenAiHyperparameters } from '../../../models/openai/openai-job.ts';
import { HYPERPARAMETER_DEFAULTS } from '../../../models/runs/hyperparameter-choices.ts';
import type { ShownRun } from '../../../models/runs/latest-run.ts';
import { learningRateOf, type TrainingConfig } from '../../../models/settings/training-config.ts';
import { seconds } from '../lists.ts';
import { presentIntegrations } from './integrations.ts';
import type { JOB_STATUSES, JobSchema } from './schema.ts';

type JobStatus = (typeof JOB_STATUSES)[number];

/** By the status of the run; one that was not found to be trainable has no run. */
const STATUSES: Record<ShownRun['status'], JobStatus> = {
  // Its rows are mixed and its base model is looked at.
  pending: 'validating_files',
  queued: 'queued',
  running: 'running',
  completed: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** @param tokens that its run has trained on */
export function presentJob(
  { asked, job }: FoundJob,
  { config, tokens }: { config: TrainingConfig; tokens: number | undefined },
): z.input<typeof JobSchema> {
  const run = job?.latestRun ?? null;
  const status = statusOf(run);
  const hasSucceeded = status === 'succeeded';
  const { wandb, ...chosen } = asked.hyperparameters;
  const { beta = 'auto', ...hyperparameters } = job && run?.started_at ? decided(job, config) : chosen;
  return {
    id: asked.id,
    object: 'fine_tuning.job',
    created_at: seconds(asked.created_at),
    error: asked.error ?? errorOf(run),
    fine_tuned_model: hasSucceeded ? modelNameOf(asked) : null,
    finished_at: run === null ? seconds(asked.created_at) : run.finished_at && seconds(run.finished_at),
    hyperparameters,
    model: asked.model,
    organization_id: 'local',
    result_files: hasSucceeded ? [asked.result_file] : [],
    seed: asked.seed,
    status,
    trained_tokens: hasSucceeded ? (tokens ?? null) : null,
    training_file: asked.training_file,
    validation_file: asked.validation_file,
    integrations: presentIntegrations(wandb),
    estimated_finish:
      status === 'running' && run?.seconds_left ? Math.ceil(Date.now() / 1000 + run.seconds_left) : null,
    method:
      asked.method === 'dpo'
        ? { type: 'dpo', dpo: { hyperparameters: { ...hyperparameters, beta } } }
        : { type: 'supervised', supervised: { hyperparameters } },
    metadata: asked.metadata,
    user_provided_suffix: asked.suffix,
  };
}

function statusOf(run: ShownRun | null): JobStatus {
  if (run === null) return 'failed';
  const hasLeftItsWorker = run.status !== 'running' || run.phase === 'paused';
  const isOpen = ['pending', 'queued', 'running'].includes(run.status);
  return isOpen && run.pause_reason !== null && hasLeftItsWorker ? 'paused' : STATUSES[run.status];
}

function errorOf(run: ShownRun | null): z.input<typeof JobSchema>['error'] {
  if (run?.status !== 'failed') return null;
  return { code: 'training_failed', message: run.error_message ?? 'The training failed.', param: null };
}

/** In numbers, once training has begun. */
function decided(job: Job, config: TrainingConfig): OpenAiHyperparameters {
  return {
    n_epochs: job.epochs,
    batch_size: job.batch_size * (job.hyperparameters.gradient_accumulation ?? 1),
    learning_rate_multiplier: job.learning_rate / learningRateOf(config, job.training_type),
    beta: job.hyperparameters.beta ?? HYPERPARAMETER_DEFAULTS.beta,
  };
}
