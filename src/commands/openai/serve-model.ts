import { join } from 'node:path';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { NotFoundError, NotYetError, UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import { findTrainerPython } from '../../platform/python.ts';
import { bringCheckpoint } from '../../runs/bring-checkpoint.ts';
import { findPinned } from '../../runs/pinned-model.ts';
import { liesUponStart } from '../../runs/starts.ts';
import type { ServedModels, ServedTarget } from '../../serving/served-models.ts';
import type { Accepted, Done, Failed, Said, ServedRequest } from '../../serving/serving-protocol.ts';
import { trainsAdapters } from '../../trainer/training-types.ts';
import { findMeant } from './models.ts';

/** An answer that has begun. */
export interface Answering {
  /** What the model was asked with. */
  accepted: Accepted;
  /** What it says, piece by piece. @throws UserError, TransientError when it cannot go on */
  told: AsyncGenerator<Said | Done>;
}

/**
 * Asks a model by its name, and returns once its process has taken the request. `left`: nobody waits any more.
 * @throws NotFoundError; UserError for what the model cannot be asked; NotYetError while there is no room for it
 */
export async function askModel(
  { env, models }: { env: Env; models: ServedModels },
  { model, ...request }: ServedRequest & { model: string },
  left: AbortSignal,
): Promise<Answering> {
  const lines = models.ask(await targetOf(model, env), request, left);
  const { value: first } = await lines.next();
  if (first && 'prompt' in first) return { accepted: first, told: toldIn(lines, request) };
  if (first && 'error' in first) throw failureIn(first, request);
  throw new NotYetError(`The model ${model} gave no answer. Ask again.`);
}

/** What a model would be asked with, to the character, and how many tokens that is. @throws as askModel */
export async function renderPrompt(
  dependencies: { env: Env; models: ServedModels },
  asked: { model: string; messages: object[]; tools: object[] | null },
  left: AbortSignal,
): Promise<Pick<Accepted, 'prompt' | 'prompt_tokens'>> {
  const { accepted, told } = await askModel(dependencies, { ...NOTHING_SAID, ...asked }, left);
  await told.return(undefined);
  return accepted;
}

const NOTHING_SAID = {
  max_tokens: 1,
  temperature: 0,
  top_p: 1,
  n: 1,
  stop: [],
  seed: null,
  top_logprobs: null,
  frequency_penalty: 0,
  presence_penalty: 0,
  logit_bias: {},
  renders_only: true,
};

async function* toldIn(lines: ReturnType<ServedModels['ask']>, request: ServedRequest): AsyncGenerator<Said | Done> {
  for await (const line of lines) {
    if ('error' in line) throw failureIn(line, request);
    if (!('prompt' in line)) yield line;
  }
}

function failureIn({ error, field, code }: Failed, { prompt }: ServedRequest): Error {
  if (code === 'no_memory') return new NotYetError(error);
  if (code === 'server_error') return new Error(error);
  return new UserError(error, { code, field: field ?? (prompt === undefined ? 'messages' : 'prompt') });
}

async function targetOf(name: string, env: Env): Promise<ServedTarget> {
  const meant = await findMeant(name, env);
  const python = await findTrainerPython(env);
  if (python === null)
    throw new NotYetError("The trainer's Python is not there yet. `npm start` makes it, and says when it is done.");
  const target = (modelPath: string, adapterPath: string | null = null, weightsPath: string | null = null) => ({
    place: { python, modelPath, weightsPath, device: env.servingDevice, threads: env.servingThreads },
    adapterPath,
  });
  if ('base' in meant) return target(meant.base.path);
  const { run, step } = meant;
  if (run.spec.training_type === 'rag')
    throw new UserError(
      `The run behind ${name} is of the type rag: it answers from its documents, to POST /api/v1/…/query.`,
      { field: 'model', code: 'model_not_supported' },
    );
  const isWhole = !trainsAdapters(run.spec.training_type, run.spec.hyperparameters);
  const output = step === null ? await outputOf(run) : null;
  const isUponStart = await liesUponStart(output ?? (await checkpointOf(env, run, Number(step))));
  const hasTokens = !!run.spec.hyperparameters.new_tokens?.length;
  if (output !== null && (isWhole || isUponStart || hasTokens)) return target(output);
  if (hasTokens)
    throw new UserError(
      `The checkpoints of ${run.workflow_id} have tokens that its base model lacks, and answer only as its finished model.`,
      { field: 'model', code: 'model_not_supported' },
    );
  if (isUponStart)
    throw new UserError(
      `The adapters of the checkpoints of ${run.workflow_id} lie upon what that run began from, and answer only as its finished model.`,
      { field: 'model', code: 'model_not_supported' },
    );
  const base = await findPinned(env, run);
  if (!base.available) throw new UserError(base.errors.join(' '), { field: 'model', code: 'model_not_found' });
  if (output !== null) return target(base.path, join(output, 'adapter'));
  const checkpoint = await checkpointOf(env, run, Number(step));
  return isWhole ? target(base.path, null, checkpoint) : target(base.path, checkpoint);
}

async function outputOf({ output_path, workflow_id }: Run): Promise<string> {
  if (output_path !== null && (await exists(output_path))) return output_path;
  throw new NotFoundError(
    `The model of ${workflow_id} is not in its directory any more${output_path === null ? '' : ` (${output_path})`}: it was moved or deleted.`,
    { field: 'model', code: 'model_not_found' },
  );
}

async function checkpointOf(env: Env, run: Run, step: number): Promise<string> {
  const { id, workflow_id } = run;
  const found = await Checkpoint.findOne({
    where: { run_id: id, step, state: 'complete' },
    order: [['lease_epoch', 'DESC']],
  });
  if (found && (await bringCheckpoint(env, run, found))) return found.path;
  throw new NotFoundError(
    `${workflow_id} has no checkpoint of step ${step}, or has it no more: a run keeps its newest.`,
    {
      field: 'model',
      code: 'model_not_found',
    },
  );
}
