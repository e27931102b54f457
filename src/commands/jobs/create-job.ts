import type { Attributes, Transaction } from 'sequelize';
import { WHOLE } from '../../datasets/shares.ts';
import { addJob, groundOfJob, type NewJobRow } from '../../models/jobs/add-job.ts';
import type { Job } from '../../models/jobs/job.ts';
import type { HyperparameterChoices } from '../../models/runs/hyperparameter-choices.ts';
import type { WithLatestRun } from '../../models/runs/latest-run.ts';
import { type DatasetAsOf, type RunSpec, resolveRunSpec } from '../../models/runs/run-spec.ts';
import { datasetAsOf, datasetsAsTheyAre } from '../../models/runs/spec-datasets.ts';
import { learningRateOf, TrainingConfig, type TrainingDefaults } from '../../models/settings/training-config.ts';
import { realRootsOf, resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { requireUsable } from '../datasets/require-usable-datasets.ts';
import { requireTrainable } from '../runs/require-trainable.ts';

/** A job as it is asked for. */
export interface NewJob extends HyperparameterChoices {
  name: string;
  description?: string | null | undefined;
  dataset_id: number;
  training_type?: TrainingType | undefined;
  model_name?: string | undefined;
  embedding_model?: string | null | undefined;
}

/** The trait of a job: it is a project with one dataset. */
export const JOB_TRAIT = 'all';

/** Adds a job and its first run. What the request leaves out comes from the configuration. */
export async function createJob(
  body: NewJob,
  env: Env,
  transaction: Transaction | null,
): Promise<WithLatestRun<Attributes<Job>>> {
  const { name, description, dataset_id, training_type: type, model_name: model, embedding_model, ...chosen } = body;
  const [{ jobId, config, dataset }, roots] = await Promise.all([
    groundOfJob(dataset_id, transaction),
    realRootsOf(env.outputRoots),
  ]);
  const wanted = { training_type: type, base_model: model, embedding_model, hyperparameters: chosen };
  const trainable = requireTrainable(wanted, config);
  const usable = requireUsable(dataset_id, dataset);
  const { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout, ...others } = chosen;
  const job = {
    id: jobId,
    name,
    description: description ?? null,
    dataset_id,
    training_type: trainable.type,
    model_name: trainable.model,
    embedding_model: embedding_model ?? null,
    batch_size: batch_size ?? config.default_batch_size,
    learning_rate: learning_rate ?? learningRateOf(config, trainable.type),
    epochs: epochs ?? config.default_epochs,
    lora_r: lora_r ?? config.default_lora_r,
    lora_alpha: lora_alpha ?? config.default_lora_alpha,
    lora_dropout: lora_dropout ?? config.default_lora_dropout,
    hyperparameters: others,
  };
  const spec = await specOf(job, env, config, datasetAsOf(usable), roots);
  return await addJob({ job, spec }, transaction);
}

/** What a run of a job is to do, with what is resolved as it is now. */
export async function jobSpec(job: Job, env: Env, transaction: Transaction): Promise<RunSpec> {
  const config = await TrainingConfig.current(transaction);
  const datasets = await datasetsAsTheyAre([job.dataset_id], transaction);
  return await specOf(job, env, config, datasets.get(job.dataset_id));
}

async function specOf(
  job: NewJobRow,
  env: Env,
  config: TrainingDefaults,
  dataset: DatasetAsOf | undefined,
  roots?: string[],
): Promise<RunSpec> {
  const share = { dataset_id: job.dataset_id, percentage_thousandths: WHOLE, dataset };
  const { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout } = job;
  return resolveRunSpec(
    {
      training_type: job.training_type,
      base_model: job.model_name,
      embedding_model: job.embedding_model,
      max_rows: null,
      threads: env.trainerThreads,
      validationMaxNewTokens: env.validationMaxNewTokens,
      output_directory: await resolveOutputDirectory(`job-${job.id}`, env.outputRoots, roots),
      traits: [{ trait: JOB_TRAIT, datasets: [share] }],
      hyperparameters: {
        ...job.hyperparameters,
        ...{ batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout },
      },
    },
    config,
  );
}
