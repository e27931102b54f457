import { randomInt } from 'node:crypto';
import { QueryTypes, type Transaction } from 'sequelize';
import { findModel } from '../../base-models/find-model.ts';
import {
  type Method,
  type OpenAiHyperparameters,
  OpenAiJob,
  type WandbIntegration,
} from '../../models/openai/openai-job.ts';
import {
  BATCH_SIZES,
  type HyperparameterChoices,
  LEARNING_RATES,
  SEEDS,
} from '../../models/runs/hyperparameter-choices.ts';
import { connection } from '../../models/runs/run.ts';
import { learningRateOf, meantBy, TrainingConfig } from '../../models/settings/training-config.ts';
import { requireConfigured } from '../../models/trackers/configured-trackers.ts';
import type { Tracker } from '../../models/trackers/trackers.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { createJob } from '../jobs/create-job.ts';
import { newId } from './files.ts';
import { startOfTuned, type TunedStart } from './models.ts';
import { faultOf, requireFile } from './training-files.ts';

/** Clients try again within two minutes at most (retry-after is obeyed up to 120 s). */
const RETRIED_WITHIN_S = 180;

/** A fine-tuning job as it is asked for. */
export interface NewFineTuningJob {
  model: string;
  trainingFile: string;
  /** Null: some examples of the training file are held out. */
  validationFile: string | null;
  suffix: string | null;
  seed: number | null;
  method: Method;
  hyperparameters: OpenAiHyperparameters;
  metadata: Record<string, string> | null;
  /** Not there: W&B is not told of its runs. */
  wandb?: WandbIntegration | undefined;
  /** Although it would not fit. */
  force?: boolean | undefined;
}

/**
 * Creates a job of ours from what a client of OpenAI asks for, with a row that holds the rest. Where one of its files cannot be used,
 * only that row, which says why: such a job has failed.
 *
 * Clients send a request again whose answer they did not get, and say that they do (`isRetry`): where the request before
 * has created a job, it is that one. They wait for each other by its fingerprint.
 * @throws UserError with the field and OpenAI's code for what is wrong
 */
export async function createFineTuningJob(
  asked: NewFineTuningJob,
  { env, fingerprint, isRetry }: { env: Env; fingerprint: string; isRetry: boolean },
): Promise<OpenAiJob> {
  return await connection().transaction(async (transaction) => {
    await connection().query('SELECT pg_advisory_xact_lock(hashtextextended($fingerprint, 0))', {
      bind: { fingerprint },
      transaction,
    });
    return (
      (isRetry && (await justCreated(fingerprint, transaction))) || (await create(asked, env, fingerprint, transaction))
    );
  });
}

/** One that was cancelled is none: its client has got the answer, and asks for another one. */
async function justCreated(fingerprint: string, transaction: Transaction): Promise<OpenAiJob | null> {
  const [found] = await connection().query(
    `SELECT * FROM (SELECT * FROM openai_jobs WHERE fingerprint = $fingerprint ORDER BY seq DESC LIMIT 1) AS newest
     WHERE created_at > now() - interval '${RETRIED_WITHIN_S} seconds'
     AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.job_id = newest.job_id AND runs.status = 'cancelled')`,
    { bind: { fingerprint }, transaction, type: QueryTypes.SELECT, model: OpenAiJob, mapToModel: true },
  );
  return found ?? null;
}

async function create(
  asked: NewFineTuningJob,
  env: Env,
  fingerprint: string,
  transaction: Transaction,
): Promise<OpenAiJob> {
  const trackers: Tracker[] = asked.wandb ? ['wandb'] : [];
  requireConfigured(env, trackers, { field: 'integrations', code: 'invalid_value' });
  const config = await TrainingConfig.current(transaction);
  const { namedAfter, ...begins } = await requireModel(asked.model, config, env);
  const file = await requireFile('training_file', asked.trainingFile, transaction);
  const validation =
    asked.validationFile === null ? null : await requireFile('validation_file', asked.validationFile, transaction);
  const type = asked.method === 'dpo' ? 'dpo' : typeOfSupervised(config);
  requireNoIndex(asked.validationFile, type);
  const id = newId('ftjob-');
  const seed = asked.seed ?? randomInt(SEEDS.most);
  const error = faultOf(asked.method, file, validation);
  const job = error
    ? null
    : await createJob(
        {
          name: asked.suffix ?? `${file.filename} on ${asked.model}`.slice(0, 255),
          description: `Asked for as ${id} by a client of OpenAI.`,
          dataset_id: Number(file.dataset_id),
          validation_dataset_id: validation && Number(validation.dataset_id),
          ...begins,
          training_type: type,
          ...chosen(asked.hyperparameters, type, config),
          seed,
          trackers,
          force: asked.force,
        },
        env,
        transaction,
      ).catch(asOfModel);
  return await OpenAiJob.create(
    {
      id,
      job_id: job?.id ?? null,
      model: namedAfter,
      training_file: file.id,
      validation_file: validation?.id ?? null,
      result_file: newId('file-'),
      suffix: asked.suffix,
      seed,
      method: asked.method,
      hyperparameters: { ...asked.hyperparameters, ...(asked.wandb && { wandb: asked.wandb }) },
      metadata: asked.metadata,
      error,
      fingerprint,
    },
    { transaction },
  );
}

/** What cannot be begun from is the `model` here. */
function asOfModel(error: unknown): never {
  if (error instanceof UserError && error.field === 'starts_from')
    throw new UserError(error.message, { field: 'model', code: 'model_not_available' });
  throw error;
}

/** The base model that is meant, by its own name, or the tuned one. @throws UserError with the field and OpenAI's code for what is wrong */
async function requireModel(
  asked: string,
  config: TrainingConfig,
  env: Env,
): Promise<TunedStart | { namedAfter: string; model_name: string }> {
  const name = meantBy(config, asked);
  const { available, errors } = await findModel(env, name);
  if (available) return { namedAfter: asked, model_name: name };
  const tuned = await startOfTuned(asked);
  if (tuned !== null) return tuned;
  const why =
    name === asked
      ? `is none of this machine's. To let this name stand for one of them, send PATCH /api/v1/config/ with {"model_aliases": {${JSON.stringify(asked)}: "<its name>"}}.`
      : `stands for ${name}, which cannot be trained here.`;
  throw new UserError(`The model ${asked} ${why} GET /v1/models lists those that can be trained. ${errors.join(' ')}`, {
    field: 'model',
    code: 'model_not_found',
  });
}

/** The type of the configuration, unless that one learns from pairs alone. */
function typeOfSupervised({ default_training_type: type }: TrainingConfig): TrainingType {
  return type === 'dpo' ? 'qlora' : type;
}

/** An index holds the examples that it is asked about. @throws UserError with the field and OpenAI's code */
function requireNoIndex(validationFile: string | null, type: TrainingType): void {
  if (validationFile === null || type !== 'rag') return;
  throw new UserError(
    'validation_file cannot be used while default_training_type of the configuration is rag: an index holds the examples that it is asked about. Leave it out, or send PATCH /api/v1/config/ with another training type.',
    { field: 'validation_file', code: 'invalid_value' },
  );
}

/** What it is trained with: what is `auto`, the configuration decides. */
function chosen(
  { n_epochs, batch_size, learning_rate_multiplier, beta = 'auto' }: OpenAiHyperparameters,
  type: TrainingType,
  config: TrainingConfig,
): HyperparameterChoices {
  return {
    // As conversations with such a model are shown to it when it answers.
    tool_calls: 'json',
    ...(n_epochs === 'auto' ? {} : { epochs: n_epochs }),
    ...(batch_size === 'auto' ? {} : batchOf(batch_size)),
    ...(learning_rate_multiplier === 'auto' ? {} : { learning_rate: rateOf(learning_rate_multiplier, type, config) }),
    ...(beta === 'auto' ? {} : { beta }),
  };
}

function rateOf(multiplier: number, type: TrainingType, config: TrainingConfig): number {
  const one = learningRateOf(config, type);
  const rate = multiplier * one;
  const { least, most } = LEARNING_RATES;
  if (rate >= least && rate <= most) return rate;
  throw new UserError(
    `learning_rate_multiplier is ${multiplier}, which makes a learning rate of ${rate}. It must be from ${least} to ${most}; 1 stands for ${one}.`,
    { field: 'hyperparameters.learning_rate_multiplier', code: 'invalid_value' },
  );
}

/** Rows of a step, as micro-batches of equal size. */
function batchOf(rows: number): { batch_size: number; gradient_accumulation: number } {
  let batch_size = Math.min(rows, BATCH_SIZES.most);
  while (rows % batch_size > 0) batch_size--;
  return { batch_size, gradient_accumulation: rows / batch_size };
}
