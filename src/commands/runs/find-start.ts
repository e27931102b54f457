import { join } from 'node:path';
import { z } from 'zod';
import { findModel } from '../../base-models/find-model.ts';
import { readableDirectory } from '../../base-models/local-directory.ts';
import { hasContent, readJson } from '../../base-models/model-files.ts';
import { ADAPTER_FILES, weightProblems } from '../../base-models/weight-files.ts';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { NewTokensSchema } from '../../models/runs/hyperparameter-choices.ts';
import { Run } from '../../models/runs/run.ts';
import { RunMetric } from '../../models/runs/run-metric.ts';
import { AdapterFormSchema, type AskedStart, type Start, tokensOfStart } from '../../models/runs/start.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import { bringCheckpoint } from '../../runs/bring-checkpoint.ts';
import { findPinned } from '../../runs/pinned-model.ts';
import {
  keepStart,
  liesUponStart,
  startFolder,
  startIdentity,
  startOfOutput,
  tokensToldIn,
} from '../../runs/starts.ts';
import { type TrainingType, trainsAdapters } from '../../trainer/training-types.ts';
import { whyRemoved } from '../storage/removed.ts';
import { findRun, type RunOwner, runsOf } from './owners.ts';

/** What a training is to begin from, and of which base model it is. */
export interface FoundStart {
  start: Start;
  baseModel: string;
}

/** What is asked of a training that begins from something: null as the type that is the configuration's. */
interface Wanted {
  training_type: TrainingType;
  /** Undefined: that of what it begins from. */
  base_model: string | undefined;
}

/** @throws UserError, which names the field */
function refuse(message: string): never {
  throw new UserError(message, { field: 'starts_from' });
}

/**
 * Finds what a training is to begin from, and keeps what a run may prune: it is there whatever becomes of the run.
 * @throws UserError where it is not there, or belongs to another base model
 */
export async function findStart(env: Env, asked: AskedStart, wanted: Wanted): Promise<FoundStart> {
  if (wanted.training_type === 'rag')
    refuse(
      'There is a starts_from, and training_type is rag, which trains nothing. Leave it out, or choose another training type.',
    );
  if ('path' in asked) return await startInFolder(env, asked.path, wanted.base_model);
  const owner: RunOwner =
    'job_id' in asked ? { kind: 'job', id: asked.job_id } : { kind: 'project', id: asked.project_id };
  const run = await findRun(owner, asked.run).catch((error: unknown) => {
    throw error instanceof UserError ? new UserError(`starts_from: ${error.message}`, { field: 'starts_from' }) : error;
  });
  const baseModel = await requireSameBase(env, run, wanted.base_model);
  const named = `run ${run.number} of ${owner.kind} ${owner.id}`;
  const found =
    asked.checkpoint === undefined ? await resultOf(run, named) : await checkpointOf(env, run, named, asked.checkpoint);
  const start = { ...(await startAt(found)), ...tokensOfStart(run.spec), run_id: run.id };
  if (start.checkpoint !== null) await keepStart(env, start);
  return { start, baseModel };
}

/**
 * The same for a further run of a job or project: it begins from what its runs before began from, whatever became of that since.
 * @param asked of the job or project
 */
export async function startOfNextRun(
  env: Env,
  owner: RunOwner,
  asked: AskedStart | null,
  wanted: Wanted,
): Promise<Start | undefined> {
  if (asked === null) return undefined;
  // The second part of a project begins from the first.
  const where = { ...runsOf(owner), 'spec.follows': null };
  const latest = await Run.findOne({ where, order: [['number', 'DESC']] });
  const before = latest?.spec.start;
  if (before && (await exists(startFolder(env, before)))) return before;
  return (await findStart(env, asked, wanted)).start;
}

type FoundFolder = Pick<Start, 'kind' | 'folder' | 'name' | 'checkpoint'>;

async function resultOf(run: Run, named: string): Promise<FoundFolder> {
  const output = run.output_path;
  if (output === null)
    refuse(
      `The ${named} is ${run.status} and has no result to begin from. Name one of its checkpoints: {"checkpoint": 100}.`,
    );
  if (!(await exists(join(output, 'manifest.json'))))
    refuse(`The result of ${named} is not in ${output} any more. Put it back, or begin from something else.`);
  return { ...(await startOfOutput(run.spec, output)), name: named, checkpoint: null };
}

async function checkpointOf(env: Env, run: Run, named: string, asked: number | 'best'): Promise<FoundFolder> {
  const complete = await Checkpoint.findAll({
    where: { run_id: run.id, state: 'complete' },
    order: [
      ['step', 'DESC'],
      ['lease_epoch', 'DESC'],
    ],
  });
  const steps = [...new Set(complete.map(({ step }) => step))];
  const step = asked === 'best' ? await bestOf(run, steps) : asked;
  const there = steps.length === 0 ? 'It has none' : `It has those of step ${steps.join(', ')}`;
  const allRemoved = step === null ? await whyRemoved(run.id) : null;
  if (allRemoved !== null)
    refuse(`The checkpoints of ${named} were ${allRemoved}. Begin from its result: leave checkpoint out.`);
  if (step === null)
    refuse(
      `The held-out loss of ${named} was not measured at a step of which there is a checkpoint. ${there}: name one.`,
    );
  const checkpoint = complete.find((one) => one.step === step);
  const removed = checkpoint ? null : await whyRemoved(run.id, step);
  if (removed !== null)
    refuse(
      `The checkpoint of step ${step} of ${named} was ${removed}. ${there}. Begin from its result, or from one of these.`,
    );
  if (!checkpoint || !(await bringCheckpoint(env, run, checkpoint)))
    refuse(
      `The ${named} has no checkpoint of step ${step}, or has it no more. ${there}. Name one of these, or leave checkpoint out for its result.`,
    );
  if (!trainsAdapters(run.spec.training_type, run.spec.hyperparameters))
    return { kind: 'checkpoint', folder: checkpoint.path, name: nameAt(step, named), checkpoint: step };
  if (await liesUponStart(checkpoint.path))
    refuse(
      `The adapters of the checkpoints of ${named} lie upon what that run itself began from (${run.spec.start?.name}), and not upon the base model. Begin from its result: leave checkpoint out.`,
    );
  return { kind: 'adapter', folder: checkpoint.path, name: nameAt(step, named), checkpoint: step };
}

const nameAt = (step: number, named: string) => `the checkpoint of step ${step} of ${named}`;

/** Of steps, the one with the lowest held-out loss; null where none was measured. */
async function bestOf(run: Run, steps: number[]): Promise<number | null> {
  const measured = await RunMetric.findAll({
    where: { run_id: run.id, step: steps },
    attributes: ['step', 'eval_loss'],
  });
  const losses = measured.flatMap(({ step, eval_loss }) => (eval_loss === null ? [] : [{ step, eval_loss }]));
  return losses.sort((one, other) => one.eval_loss - other.eval_loss)[0]?.step ?? null;
}

/** @returns the name of the base model. @throws UserError where another one is asked for, or other files of it */
async function requireSameBase(env: Env, run: Run, asked: string | undefined): Promise<string> {
  const { training_type, base_model } = run.spec;
  if (training_type === 'rag')
    refuse(
      `Run ${run.number} of ${run.workflow_id} is of the type rag, which trains no model. Begin from another run.`,
    );
  const [before, now] = await Promise.all([findPinned(env, run), findModel(env, asked ?? base_model)]);
  const isOther = before.available && now.available && before.resolved_name !== now.resolved_name;
  if (isOther || (!(before.available && now.available) && asked !== undefined && asked !== base_model))
    refuse(
      `${run.workflow_id} was trained from ${base_model}, and this training is of ${asked}. Leave the base model out, or begin from a run of ${asked}.`,
    );
  if (before.available && now.available && before.revision !== now.revision)
    refuse(
      `${run.workflow_id} was trained from revision ${before.revision} of ${base_model}, and what is there under this name now is ${now.revision}. Name the base model ${base_model}@${before.revision}.`,
    );
  return asked ?? base_model;
}

const AdapterSchema = z.looseObject({ base_model_name_or_path: z.string().nullish() });
/** A name on the Hugging Face hub, and no path. */
const ON_HUB = /^[\w.-]+\/[\w.-]+$/;

async function startInFolder(env: Env, path: string, asked: string | undefined): Promise<FoundStart> {
  const found = await readableDirectory(env.modelRoots, path);
  if ('why' in found) refuse(`starts_from.path: ${found.why}`);
  const { real: folder } = found;
  const [config] = ADAPTER_FILES;
  if (!(await hasContent(join(folder, config)))) {
    const problems = [
      ...((await hasContent(join(folder, 'config.json'))) ? [] : [{ what: 'config.json is missing' }]),
      ...(await weightProblems(folder)),
    ];
    if (problems.length > 0)
      refuse(
        `starts_from.path: ${JSON.stringify(path)} has no adapter (${ADAPTER_FILES.join(', ')}), and is no model: ${problems.map(({ what }) => what).join('; ')}.`,
      );
    if (asked === undefined)
      refuse(
        `starts_from.path: ${JSON.stringify(path)} is a whole model, which does not say what it was trained from. Name its base model as well.`,
      );
    const start = { ...(await startAt({ kind: 'model', folder, name: path })), ...(await tokensOfFolder(folder)) };
    return { start, baseModel: asked };
  }
  const adapter = AdapterSchema.safeParse(await readJson(join(folder, config)));
  for (const file of ADAPTER_FILES)
    if (!adapter.success || !(await hasContent(join(folder, file))))
      refuse(
        `starts_from.path: ${file} in ${JSON.stringify(path)} is missing or does not read. Copy the adapter there again.`,
      );
  const its = ON_HUB.exec(adapter.data?.base_model_name_or_path ?? '')?.[0];
  const baseModel = asked ?? its;
  if (baseModel === undefined)
    refuse(
      `starts_from.path: the adapter in ${JSON.stringify(path)} does not say what it was trained upon. Name its base model as well.`,
    );
  const named = await findModel(env, baseModel);
  if (its !== undefined && its !== baseModel && its !== named.resolved_name)
    refuse(
      `starts_from.path: the adapter in ${JSON.stringify(path)} was trained upon ${its} (base_model_name_or_path), and this training is of ${baseModel}. Name ${its} as the base model.`,
    );
  const start = { ...(await startAt({ kind: 'adapter', folder, name: path })), ...(await tokensOfFolder(folder)) };
  return { start, baseModel };
}

async function tokensOfFolder(folder: string): Promise<Pick<Start, 'new_tokens'>> {
  const { data } = NewTokensSchema.safeParse(await tokensToldIn(folder));
  return data ? { new_tokens: data } : {};
}

async function startAt(found: FoundFolder): Promise<Start> {
  const config = found.kind === 'adapter' ? await readJson(join(found.folder, ADAPTER_FILES[0])) : null;
  const adapter = AdapterFormSchema.safeParse(config).data;
  return { ...found, sha256: await startIdentity(found), ...(adapter && { adapter }) };
}
