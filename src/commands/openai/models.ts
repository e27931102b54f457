import { stat } from 'node:fs/promises';
import { literal, Op } from 'sequelize';
import { findAllModels, findModel } from '../../base-models/find-model.ts';
import type { UsableModel } from '../../base-models/found-model.ts';
import { Job } from '../../models/jobs/job.ts';
import { OpenAiJob } from '../../models/openai/openai-job.ts';
import { Run } from '../../models/runs/run.ts';
import type { AskedStart } from '../../models/runs/start.ts';
import { meantBy, TrainingConfig } from '../../models/settings/training-config.ts';
import { Promotion } from '../../models/versions/promotion.ts';
import { newestCompleted, type RunsOwner, servedRun } from '../../models/versions/served-run.ts';
import type { Env } from '../../platform/env.ts';
import { NotFoundError, UserError } from '../../platform/failure.ts';
import { ifThere } from '../../platform/files.ts';
import { notPromoted } from '../versions/find-output.ts';
import { modelNameOf } from './fine-tuning-jobs.ts';

/** What a name stands for: a base model, or what a run has made, by the end or at the step of a checkpoint. */
export type Meant = { base: UsableModel } | { run: Run; step: number | null };

/** A model that OpenAI's clients may name. */
export interface NamedModel {
  name: string;
  /** When it came to this machine, or was trained. */
  since: Date;
  isTuned: boolean;
}

/** The list has no pages: of what was tuned, so many of the newest. */
const MOST_LISTED = 1000;
const CHECKPOINT = /^(.+):ckpt-step-(\d{1,9})$/;
const OF_RUN =
  /^(?:(?<kind>job|project)-(?<id>\d{1,9})(?:-run-(?<number>\d{1,9}))?|project-(?<projectId>\d{1,9}):(?<version>latest|candidate|\d{1,9}))$/;
const OF_PROJECT = /^project-(\d{1,9})(?::latest)?$/;

/** Base models that can be trained, other names for them, and what was tuned: newest first. */
export async function listNamedModels(env: Env): Promise<NamedModel[]> {
  const { model_aliases } = await TrainingConfig.current();
  const usable = (await findAllModels(env)).filter((found): found is UsableModel => found.available);
  const bases = await Promise.all(usable.map(asNamed));
  const byName = new Map(bases.map((base) => [base.name, base]));
  const aliases = Object.entries(model_aliases).flatMap(([name, meant]) => {
    const base = byName.get(meant);
    return base === undefined ? [] : [{ ...base, name }];
  });
  return [...(await tunedModels()), ...aliases, ...bases];
}

/** @throws NotFoundError */
export async function findNamedModel(name: string, env: Env): Promise<NamedModel> {
  const meant = await findMeant(name, env);
  if ('base' in meant) return { ...(await asNamed(meant.base)), name };
  return { name, since: meant.run.finished_at ?? meant.run.updated_at, isTuned: true };
}

/**
 * What is meant by `ft:…` (a fine-tuning job), `job-1` or `project-1` (any other job or project, and what it stands for: `servedRun`),
 * `project-1-run-2` or `project-1:2` (that of a run), `project-1:candidate` (the newest that completed), each also with `:ckpt-step-N`, or by
 * the name or another name of a base model.
 * @throws NotFoundError
 */
export async function findMeant(name: string, env: Env): Promise<Meant> {
  const [, whole = name, step] = CHECKPOINT.exec(name) ?? [];
  const run = await findTuned(whole, step === undefined);
  if (run) return { run, step: step === undefined ? null : Number(step) };
  await requirePromoted(whole);
  const base = await findModel(env, meantBy(await TrainingConfig.current(), name));
  if (base.available) return { base };
  throw new NotFoundError(`The model ${JSON.stringify(name)} does not exist. GET /v1/models lists those that do.`, {
    field: 'model',
    code: 'model_not_found',
  });
}

/** What a training begins from that goes on with a tuned model. */
export interface TunedStart {
  /** What the model and those that come of it are named after: `base` of `ft:base:…`. */
  namedAfter: string;
  model_name: string;
  starts_from: AskedStart;
}

/** The tuned model, or checkpoint, that has this name, as what a training begins from; null: none has it. */
export async function startOfTuned(name: string): Promise<TunedStart | null> {
  const [, whole = name, step] = CHECKPOINT.exec(name) ?? [];
  const run = (await findTuned(whole, step === undefined)) ?? (await findTuned(whole, false));
  if (!run) return null;
  const { job_id, project_id, number, spec } = run;
  const which = { run: number, ...(step === undefined ? {} : { checkpoint: Number(step) }) };
  const asked = name.startsWith('ft:') ? await jobOf(whole) : null;
  return {
    namedAfter: asked?.model ?? spec.base_model,
    model_name: spec.base_model,
    starts_from: job_id === null ? { project_id: project_id ?? 0, ...which } : { job_id, ...which },
  };
}

/** The run that has made a model; of one that has not completed there are checkpoints alone. */
async function findTuned(name: string, isCompleted: boolean): Promise<Run | null> {
  if (name.startsWith('ft:')) {
    const asked = await jobOf(name);
    return asked?.job_id ? await runOf({ job_id: asked.job_id }, 'latest', isCompleted) : null;
  }
  const { kind, id, number, projectId, version } = OF_RUN.exec(name)?.groups ?? {};
  if (projectId !== undefined) return await runOf({ project_id: Number(projectId) }, version ?? 'latest', isCompleted);
  if (kind === undefined) return null;
  const owner = kind === 'job' ? { job_id: Number(id) } : { project_id: Number(id) };
  return await runOf(owner, number ?? 'latest', isCompleted);
}

/** @param which `latest`, `candidate`, or a number */
async function runOf(owner: RunsOwner, which: string, isCompleted: boolean): Promise<Run | null> {
  if (which === 'candidate') return await newestCompleted(owner);
  if (which === 'latest' && isCompleted) return await servedRun(owner);
  return await Run.findOne({
    where: {
      ...owner,
      ...(isCompleted ? { status: 'completed' } : {}),
      ...(which === 'latest' ? {} : { number: Number(which) }),
    },
    order: [['number', 'DESC']],
  });
}

/** That a project has models, and its name stands for none of them. @throws NotFoundError */
async function requirePromoted(name: string): Promise<void> {
  const [, id] = OF_PROJECT.exec(name) ?? [];
  const candidate = id === undefined ? null : await newestCompleted({ project_id: Number(id) });
  if (candidate)
    throw new NotFoundError(notPromoted(Number(id), candidate), { field: 'model', code: 'model_not_promoted' });
}

/** The fine-tuning job that a model is named after. */
async function jobOf(name: string): Promise<OpenAiJob | null> {
  const id = { [Op.startsWith]: `ftjob-${name.slice(name.lastIndexOf(':') + 1)}` };
  const found = await OpenAiJob.findAll({ where: { id, model_deleted_at: null } });
  return found.find((job) => modelNameOf(job) === name) ?? null;
}

/**
 * From now on the name of a fine-tuning job's model, and those of its checkpoints, stand for nothing. Its files stay where they are, as those of every job do.
 * @throws NotFoundError; UserError for a model of another kind
 */
export async function deleteNamedModel(name: string, env: Env): Promise<void> {
  const meant = await findMeant(name, env);
  const asked = 'run' in meant && meant.step === null ? await jobOf(name) : null;
  if (!asked)
    throw new UserError(
      `${name} is not the model of a fine-tuning job, and only those can be deleted here. Delete a job or project at /api/v1, and a base model from its cache.`,
      { field: 'model', code: 'model_not_deletable' },
    );
  await asked.update({ model_deleted_at: new Date() });
}

async function asNamed({ model_name: name, path }: UsableModel): Promise<NamedModel> {
  const found = await ifThere(stat(path));
  return { name, since: found?.mtime ?? new Date(0), isTuned: false };
}

async function tunedModels(): Promise<NamedModel[]> {
  const found = await OpenAiJob.findAll({
    attributes: ['id', 'job_id', 'model', 'suffix', 'model_deleted_at'],
    order: [['seq', 'DESC']],
    limit: MOST_LISTED,
    raw: true,
  });
  const named = found.flatMap(({ job_id }) => job_id ?? []);
  const completedAt = await completedJobs(named);
  const ofJobs = found.flatMap((asked) => {
    const since = completedAt.get(asked.job_id ?? 0);
    return since && !asked.model_deleted_at ? [{ name: modelNameOf(asked), since, isTuned: true }] : [];
  });
  const runs = await Run.findAll({
    where: {
      status: 'completed',
      'spec.training_type': { [Op.ne]: 'rag' },
      job_id: { [Op.or]: [null, { [Op.notIn]: named }] },
    },
    attributes: ['id', 'workflow_id', 'finished_at'],
    // As runs_completed_models has them, which knows without the spec that they are of no index of rag.
    order: [['finished_at', 'DESC']],
    limit: MOST_LISTED,
    raw: true,
  });
  const others = runs.map(({ workflow_id: name, finished_at }) => ({
    name,
    since: finished_at ?? new Date(0),
    isTuned: true,
  }));
  return [...ofJobs, ...(await latestOfProjects()), ...others].sort(
    (one, other) => other.since.getTime() - one.since.getTime(),
  );
}

/** When those of these jobs ended whose latest run completed. */
async function completedJobs(ids: number[]): Promise<Map<number, Date | null>> {
  const latest = { association: 'latestRun', attributes: ['finished_at'], where: { status: 'completed' } };
  const jobs = await Job.findAll({ where: { id: ids }, attributes: ['id'], include: latest });
  return new Map(jobs.map(({ id, latestRun }) => [id, latestRun?.finished_at ?? null]));
}

/** The names that stand for the latest versions of projects, whichever these are. */
async function latestOfProjects(): Promise<NamedModel[]> {
  const newest = literal(
    '"Promotion"."id" = (SELECT max(id) FROM promotions AS p WHERE p.project_id = "Promotion"."project_id")',
  );
  const found = await Promotion.findAll({
    where: { [Op.and]: newest },
    include: { association: 'run', where: { 'spec.training_type': { [Op.ne]: 'rag' } }, attributes: ['id'] },
    order: [['id', 'DESC']],
    limit: MOST_LISTED,
  });
  return found.map(({ project_id, created_at }) => ({
    name: `project-${project_id}`,
    since: created_at,
    isTuned: true,
  }));
}
