import { stat } from 'node:fs/promises';
import { findAllModels, findModel } from '../../base-models/find-model.ts';
import type { FoundModel } from '../../base-models/found-model.ts';
import { OpenAiJob } from '../../models/openai/openai-job.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import { NotFoundError } from '../../platform/failure.ts';
import { ifThere } from '../../platform/files.ts';
import { modelNameOf, withJobs } from './fine-tuning-jobs.ts';

/** A model that OpenAI's clients may name. */
export interface NamedModel {
  name: string;
  /** When it came to this machine, or was trained. */
  since: Date;
  isTuned: boolean;
}

/** Base models that can be trained, other names for them, and the models that fine-tuning jobs have made, newest first. */
export async function listNamedModels(env: Env): Promise<NamedModel[]> {
  const { model_aliases } = await TrainingConfig.current();
  const bases = await Promise.all((await findAllModels(env)).filter(({ available }) => available).map(asNamed));
  const byName = new Map(bases.map((base) => [base.name, base]));
  const aliases = Object.entries(model_aliases).flatMap(([name, meant]) => {
    const base = byName.get(meant);
    return base === undefined ? [] : [{ ...base, name }];
  });
  return [...(await tunedModels()), ...aliases, ...bases];
}

/** @throws NotFoundError */
export async function findNamedModel(name: string, env: Env): Promise<NamedModel> {
  if (name.startsWith('ft:')) {
    const tuned = (await tunedModels()).find((model) => model.name === name);
    if (tuned) return tuned;
  } else {
    const { model_aliases } = await TrainingConfig.current();
    const found = await findModel(env, model_aliases[name] ?? name);
    if (found.available) return { ...(await asNamed(found)), name };
  }
  throw new NotFoundError(`The model ${JSON.stringify(name)} does not exist. GET /v1/models lists those that do.`, {
    field: 'model',
    code: 'model_not_found',
  });
}

async function asNamed({ model_name: name, path }: FoundModel): Promise<NamedModel> {
  const found = path === null ? null : await ifThere(stat(path));
  return { name, since: found?.mtime ?? new Date(0), isTuned: false };
}

async function tunedModels(): Promise<NamedModel[]> {
  const found = await withJobs(await OpenAiJob.findAll({ order: [['seq', 'DESC']] }));
  return found.flatMap(({ asked, job }) => {
    const { status, finished_at: since } = job?.latestRun ?? {};
    return status === 'completed' && since ? [{ name: modelNameOf(asked), since, isTuned: true }] : [];
  });
}
