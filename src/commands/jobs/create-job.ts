import type { Attributes, Transaction } from 'sequelize';
import { WHOLE } from '../../datasets/shares.ts';
import { addJob, groundOfJob, type NewJobRow } from '../../models/jobs/add-job.ts';
import type { Job } from '../../models/jobs/job.ts';
import type { AskedChoices } from '../../models/runs/hyperparameter-choices.ts';
import type { WithLatestRun } from '../../models/runs/latest-run.ts';
import { type AskedQueue, queueChoices } from '../../models/runs/queue-choices.ts';
import { type DatasetAsOf, type RunSpec, resolveRunSpec } from '../../models/runs/run-spec.ts';
import { datasetAsOf, datasetsAsTheyAre } from '../../models/runs/spec-datasets.ts';
import { type AskedStart, uponStart } from '../../models/runs/start.ts';
import { learningRateOf, TrainingConfig, type TrainingDefaults } from '../../models/settings/training-config.ts';
import { requireConfigured } from '../../models/trackers/configured-trackers.ts';
import type { Tracker } from '../../models/trackers/trackers.ts';
import { realRootsOf, resolveOutputDirectory } from '../../outputs/output-directory.ts';
import { askedBy, askedByKey } from '../../platform/asked-by.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { traceParent } from '../../platform/tracing.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { requireFittingRows } from '../datasets/require-rows-for.ts';
import { requireUsable } from '../datasets/require-usable-datasets.ts';
import { requireFit } from '../estimates/require-fit.ts';
import { resolveBatch } from '../estimates/resolve-batch.ts';
import { findStart, startOfNextRun } from '../runs/find-start.ts';
import { requireAfter } from '../runs/require-after.ts';
import { requireModels } from '../runs/require-models.ts';
import { requireTrainable } from '../runs/require-trainable.ts';

/** A job as it is asked for. */
export interface NewJob extends AskedChoices {
  name: string;
  description?: string | null | undefined;
  dataset_id: number;
  /** Null, or not there: a part of the rows of `dataset_id` is held out. */
  validation_dataset_id?: number | null | undefined;
  training_type?: TrainingType | undefined;
  model_name?: string | undefined;
  embedding_model?: string | null | undefined;
  /** Null, or not there: the base model as it is. */
  starts_from?: AskedStart | null | undefined;
  /** Those that are told of its runs. Not there: none. */
  trackers?: Tracker[] | undefined;
  /** Although it would not fit. */
  force?: boolean | undefined;
  /** Its run fetches models that are not there. */
  download?: boolean | undefined;
  priority?: AskedQueue['priority'];
  not_before?: AskedQueue['not_before'];
  after?: AskedQueue['after'];
}

/** The trait of a job: it is a project with one dataset. */
export const JOB_TRAIT = 'all';

/** Adds a job and its first run. What the request leaves out comes from the configuration. */
export async function createJob(
  body: NewJob,
  env: Env,
  transaction: Transaction | null,
): Promise<WithLatestRun<Attributes<Job>>> {
  const { name, description, dataset_id, validation_dataset_id = null, force, download, ...training } = body;
  const { training_type: type, model_name, embedding_model, starts_from = null, ...others } = training;
  const { priority, not_before, after, trackers = [], ...choices } = others;
  const asked = { dataset_id, validation_dataset_id };
  requireApart(asked);
  requireConfigured(env, trackers);
  await requireAfter({ after }, null, transaction);
  const [{ jobId, config, dataset, validationDataset }, roots] = await Promise.all([
    groundOfJob(asked, transaction),
    realRootsOf(env.outputRoots),
  ]);
  const found =
    starts_from &&
    (await findStart(env, starts_from, {
      training_type: type ?? config.default_training_type,
      base_model: model_name,
    }));
  const model = found?.baseModel ?? model_name;
  const planned = { training_type: type, base_model: model, max_rows: null, traits: traitsOfJob(asked) };
  const { chosen } = await resolveBatch(env, config, planned, uponStart(found?.start, choices));
  const wanted = { training_type: type, base_model: model, embedding_model, hyperparameters: chosen };
  const trainable = requireTrainable({ ...wanted, validation_dataset_id }, config);
  const datasets = new Map([[dataset_id, datasetAsOf(requireUsable(dataset_id, dataset))]]);
  if (validation_dataset_id !== null) {
    const usable = requireUsable(validation_dataset_id, validationDataset, 'validation_dataset_id');
    datasets.set(validation_dataset_id, datasetAsOf(usable));
  }
  const { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout, ...hyperparameters } = chosen;
  const job = {
    id: jobId,
    name,
    description: description ?? null,
    dataset_id,
    validation_dataset_id,
    training_type: trainable.type,
    model_name: trainable.model,
    embedding_model: embedding_model ?? null,
    batch_size: batch_size ?? config.default_batch_size,
    learning_rate: learning_rate ?? learningRateOf(config, trainable.type, chosen),
    epochs: epochs ?? config.default_epochs,
    lora_r: lora_r ?? config.default_lora_r,
    lora_alpha: lora_alpha ?? config.default_lora_alpha,
    lora_dropout: lora_dropout ?? config.default_lora_dropout,
    hyperparameters,
    starts_from,
    trackers,
    created_by: askedBy(),
  };
  const spec = {
    ...(await specOf(job, env, config, datasets, roots)),
    ...(found ? { start: found.start } : {}),
    download,
  };
  await requireModels(env, 'job', spec, null);
  await requireFit(env, spec, { force });
  const queue = queueChoices({ priority, not_before, after });
  return await addJob({ job, spec, queue, traceParent: traceParent(), keyId: askedByKey() }, transaction);
}

/** What a run of a job is to do, with what is resolved as it is now. */
export async function jobSpec(job: Job, env: Env, transaction: Transaction): Promise<RunSpec> {
  const config = await TrainingConfig.current(transaction);
  const { dataset_id, validation_dataset_id } = job;
  const ids = validation_dataset_id === null ? [dataset_id] : [dataset_id, validation_dataset_id];
  const spec = await specOf(job, env, config, await datasetsAsTheyAre(ids, transaction));
  const start = await startOfNextRun(env, { kind: 'job', id: job.id }, job.starts_from, spec);
  return start ? { ...spec, start, hyperparameters: uponStart(start, spec.hyperparameters) } : spec;
}

type DatasetsOfJob = Pick<NewJobRow, 'dataset_id' | 'validation_dataset_id'>;

/** @throws UserError where a job is to be validated with what it trains on */
export function requireApart({ dataset_id, validation_dataset_id }: DatasetsOfJob): void {
  if (dataset_id !== validation_dataset_id) return;
  throw new UserError(
    `validation_dataset_id is ${validation_dataset_id}, which is dataset_id as well: no row would be left that is not trained on. Leave it out, and rows of dataset ${dataset_id} are held out; or name another dataset.`,
    { field: 'validation_dataset_id' },
  );
}

/** The mixture of a job. `datasets`: as they are now; without them a run reads them as they are when it does. */
export function traitsOfJob(
  { dataset_id, validation_dataset_id }: DatasetsOfJob,
  datasets: Map<number, DatasetAsOf> = new Map(),
): RunSpec['traits'] {
  const share = { dataset_id, percentage_thousandths: WHOLE, dataset: datasets.get(dataset_id) };
  const trait = { trait: JOB_TRAIT, datasets: [share] };
  if (validation_dataset_id === null) return [trait];
  const held_out_from = { dataset_id: validation_dataset_id, dataset: datasets.get(validation_dataset_id) };
  return [{ ...trait, held_out_from }];
}

async function specOf(
  job: NewJobRow,
  env: Env,
  config: TrainingDefaults,
  datasets: Map<number, DatasetAsOf>,
  roots?: string[],
): Promise<RunSpec> {
  const { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout } = job;
  const traits = traitsOfJob(job, datasets);
  requireFittingRows({ training_type: job.training_type, traits });
  return resolveRunSpec(
    {
      training_type: job.training_type,
      base_model: job.model_name,
      embedding_model: job.embedding_model,
      max_rows: null,
      threads: env.trainerThreads,
      validationMaxNewTokens: env.validationMaxNewTokens,
      output_directory: await resolveOutputDirectory(`job-${job.id}`, env.outputRoots, roots),
      traits,
      trackers: job.trackers,
      hyperparameters: {
        ...job.hyperparameters,
        ...{ batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout },
      },
    },
    config,
  );
}
