import type { Attributes } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { OpenAiJob } from '../../models/openai/openai-job.ts';
import { LATEST_RUN } from '../../models/runs/latest-run.ts';
import { NotFoundError } from '../../platform/failure.ts';

/** A fine-tuning job, with our job and its latest run where it has one. */
export interface FoundJob {
  asked: OpenAiJob;
  job: Job | null;
}

/** @throws NotFoundError */
export async function findFineTuningJob(id: string): Promise<FoundJob> {
  const asked = await OpenAiJob.findByPk(id);
  if (!asked) throw new NotFoundError(`Could not find fine tune: ${id}.`);
  return { asked, job: asked.job_id === null ? null : await Job.findByPk(asked.job_id, { include: LATEST_RUN }) };
}

/** Jobs with what belongs to them, in their order. */
export async function withJobs(found: OpenAiJob[]): Promise<FoundJob[]> {
  const ids = found.flatMap(({ job_id }) => job_id ?? []);
  const jobs = new Map((await Job.findAll({ where: { id: ids }, include: LATEST_RUN })).map((job) => [job.id, job]));
  return found.map((asked) => ({ asked, job: jobs.get(asked.job_id ?? 0) ?? null }));
}

const LETTERS_OF_NAME = 8;

/** Of the model that a job trains: `ft:<base>:<org>:<suffix>:<id>`. */
export function modelNameOf({ id, model, suffix }: Pick<Attributes<OpenAiJob>, 'id' | 'model' | 'suffix'>): string {
  return `ft:${model}:local:${suffix ?? ''}:${id.slice('ftjob-'.length).slice(0, LETTERS_OF_NAME)}`;
}

/** Of a checkpoint that is not the newest. */
export function checkpointNameOf(job: Parameters<typeof modelNameOf>[0], step: number): string {
  return `${modelNameOf(job)}:ckpt-step-${step}`;
}
