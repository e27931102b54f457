import { randomInt } from 'node:crypto';
import { QueryTypes, type Transaction } from 'sequelize';
import { findModel } from '../../base-models/find-model.ts';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import { type OpenAiHyperparameters, OpenAiJob, type OpenAiJobError } from '../../models/openai/openai-job.ts';
import type { HyperparameterChoices } from '../../models/runs/hyperparameter-choices.ts';
import { connection } from '../../models/runs/run.ts';
import { learningRateOf, TrainingConfig } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { createJob } from '../jobs/create-job.ts';
import { isThere, newId } from './files.ts';

/** By OpenAI's rules. */
const LEAST_EXAMPLES = 10;
const LARGEST_SEED = 2_147_483_647;
/** Of a micro-batch; larger batches are made of several. */
const MOST_ROWS_AT_ONCE = 64;
/** As our own API takes them. */
const LEAST_RATE = 1e-6;
const LARGEST_RATE = 1;
/** Clients try again within two minutes at most (retry-after is obeyed up to 120 s). */
const RETRIED_WITHIN_S = 180;

/** A fine-tuning job as it is asked for. */
export interface NewFineTuningJob {
  model: string;
  trainingFile: string;
  suffix: string | null;
  seed: number | null;
  hyperparameters: OpenAiHyperparameters;
  metadata: Record<string, string> | null;
}

/**
 * Creates a job of ours from what a client of OpenAI asks for, with a row that holds the rest. Where the training file cannot be used,
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

async function justCreated(fingerprint: string, transaction: Transaction): Promise<OpenAiJob | null> {
  const [found] = await connection().query(
    `SELECT * FROM openai_jobs WHERE fingerprint = $fingerprint AND created_at > now() - interval '${RETRIED_WITHIN_S} seconds'
     ORDER BY seq DESC LIMIT 1`,
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
  const config = await TrainingConfig.current(transaction);
  const baseModel = await requireModel(asked.model, config, env);
  const file = await requireFile(asked.trainingFile, transaction);
  const id = newId('ftjob-');
  const seed = asked.seed ?? randomInt(LARGEST_SEED);
  const error = faultOf(file);
  const job = error
    ? null
    : await createJob(
        {
          name: asked.suffix ?? `${file.filename} on ${asked.model}`.slice(0, 255),
          description: `Asked for as ${id} by a client of OpenAI.`,
          dataset_id: Number(file.dataset_id),
          model_name: baseModel,
          ...chosen(asked.hyperparameters, config),
          seed,
        },
        env,
        transaction,
      );
  return await OpenAiJob.create(
    {
      id,
      job_id: job?.id ?? null,
      model: asked.model,
      training_file: file.id,
      validation_file: null,
      result_file: newId('file-'),
      suffix: asked.suffix,
      seed,
      hyperparameters: asked.hyperparameters,
      metadata: asked.metadata,
      error,
      fingerprint,
    },
    { transaction },
  );
}

/** The base model that is meant, by its own name. @throws UserError with the field and OpenAI's code for what is wrong */
async function requireModel(asked: string, { model_aliases }: TrainingConfig, env: Env): Promise<string> {
  const name = model_aliases[asked] ?? asked;
  const { available, errors } = await findModel(env, name);
  if (available) return name;
  const meant = name === asked ? '' : `, which stands for ${name},`;
  throw new UserError(
    `The model ${asked}${meant} cannot be trained here: ${errors.join(' ')} GET /v1/models lists those that can. To let this name stand for one of them, send PATCH /api/v1/config/ with {"model_aliases": {${JSON.stringify(asked)}: "<its name>"}}.`,
    { field: 'model', code: 'model_not_found' },
  );
}

/** @throws UserError with the field and OpenAI's code for what is wrong */
async function requireFile(id: string, transaction: Transaction): Promise<OpenAiFile> {
  const file = await OpenAiFile.findOne({ where: { id, ...isThere() }, transaction });
  if (!file)
    throw new UserError(`training_file is ${JSON.stringify(id)}, which is not there. Upload the file first.`, {
      field: 'training_file',
      code: 'file_not_found',
    });
  if (file.purpose !== 'fine-tune')
    throw new UserError(`training_file ${id} was uploaded for the purpose ${file.purpose}. Upload it for fine-tune.`, {
      field: 'training_file',
      code: 'invalid_file_purpose',
    });
  return file;
}

/** Why nothing can be trained on a file, which its job says. */
function faultOf({ checked, dataset_id }: OpenAiFile): OpenAiJobError | null {
  const param = 'training_file';
  if (checked?.fault) return { ...checked.fault, param };
  if (checked?.format === 'preference')
    return {
      code: 'invalid_training_file',
      message: 'The file has preferences, and the method is supervised. Give it chats, or prompts with completions.',
      param,
    };
  if (checked && checked.examples < LEAST_EXAMPLES)
    return {
      code: 'invalid_n_examples',
      message: `The training file has ${checked.examples} examples, and needs at least ${LEAST_EXAMPLES}. Add more.`,
      param,
    };
  if (dataset_id === null)
    return {
      code: 'invalid_training_file',
      message: 'The file cannot be read as training data. Upload it again.',
      param,
    };
  return null;
}

/** What it is trained with: what is `auto`, the configuration decides. */
function chosen(
  { n_epochs, batch_size, learning_rate_multiplier }: OpenAiHyperparameters,
  config: TrainingConfig,
): HyperparameterChoices {
  return {
    ...(n_epochs === 'auto' ? {} : { epochs: n_epochs }),
    ...(batch_size === 'auto' ? {} : batchOf(batch_size)),
    ...(learning_rate_multiplier === 'auto' ? {} : { learning_rate: rateOf(learning_rate_multiplier, config) }),
  };
}

function rateOf(multiplier: number, config: TrainingConfig): number {
  const one = learningRateOf(config, config.default_training_type);
  const rate = multiplier * one;
  if (rate >= LEAST_RATE && rate <= LARGEST_RATE) return rate;
  throw new UserError(
    `learning_rate_multiplier is ${multiplier}, which makes a learning rate of ${rate}. It must be from ${LEAST_RATE} to ${LARGEST_RATE}; 1 stands for ${one}.`,
    { field: 'hyperparameters.learning_rate_multiplier', code: 'invalid_value' },
  );
}

/** Rows of a step, as micro-batches of equal size. */
function batchOf(rows: number): { batch_size: number; gradient_accumulation: number } {
  let batch_size = Math.min(rows, MOST_ROWS_AT_ONCE);
  while (rows % batch_size > 0) batch_size--;
  return { batch_size, gradient_accumulation: rows / batch_size };
}
