import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { bodyOf, finishedBodyOf } from '../api/client.ts';
import { ownerOf, trackersOf } from '../api/runs.ts';
import type { Job, JobCreate, JobPlanRequest, Plan } from '../api/types.ts';
import { datasetFor } from '../datasets/upload.ts';
import { listText, ownerText } from '../runs/owner-text.ts';
import { planText } from '../runs/plan-text.ts';
import type { RunName } from '../runs/run-name.ts';
import { beginPlanned, type EstimateFields, tellEstimate } from '../runs/tell-estimate.ts';
import type { Session } from '../session.ts';
import { asOptions, hyperparametersIn } from './hyperparameter-options.ts';

/** What `mtm train` and `mtm job create` take beside hyperparameters. */
export interface JobOptions extends Record<string, unknown> {
  model?: string;
  name?: string;
  description?: string;
  validation?: string;
  startsFrom?: NonNullable<JobCreate['starts_from']>;
  after?: NonNullable<JobCreate['after']>;
}

/** The body of a job on a dataset, which may be the path of a file: it is uploaded. `before`: where the options say nothing else. */
async function jobOf(
  session: Session,
  dataset: string,
  options: JobOptions,
  before: Partial<JobCreate> = {},
): Promise<JobCreate> {
  const { id } = await datasetFor(session, dataset);
  const validation = options.validation === undefined ? null : await datasetFor(session, options.validation);
  return {
    ...before,
    name: options.name ?? basename(dataset),
    ...(options.description === undefined ? {} : { description: options.description }),
    dataset_id: id,
    ...(validation === null ? {} : { validation_dataset_id: validation.id }),
    ...(options.model === undefined ? {} : { model_name: options.model }),
    ...(options.startsFrom === undefined ? {} : { starts_from: options.startsFrom }),
    ...(options.after === undefined ? {} : { after: options.after }),
    ...hyperparametersIn(options),
  };
}

/** Creates it; it is queued at once. Sent again with its key where an answer is lost, it is one job. */
async function createJob({ client }: Session, body: JobCreate): Promise<Job> {
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  return await bodyOf(client.POST('/api/v1/jobs/', { params, body }));
}

/** Says what it takes, and creates it. @throws Refusal where its plan is refused, before anything is created */
export async function createPlannedJob(
  session: Session,
  dataset: string,
  options: JobOptions,
  before: Partial<JobCreate> = {},
): Promise<{ job: Job; estimate: EstimateFields }> {
  const body = await jobOf(session, dataset, options, before);
  // A plan says whether it fits, and what does not is forced when it is created.
  const { force: _, ...planned } = body;
  const estimate = await tellEstimate(session, (signal) => planJob(session, planned, signal));
  return { job: await beginPlanned(estimate, () => createJob(session, body)), estimate };
}

export async function jobCreate(session: Session, dataset: string, options: JobOptions): Promise<void> {
  const { job } = await createPlannedJob(session, dataset, options);
  session.print(job, () => `job-${job.id}: ${job.status}. Follow it with \`mtm run watch job-${job.id}\`.`);
}

/** What would come of it; nothing is created. */
async function planJob({ client }: Session, { name: _, ...body }: JobPlanRequest, signal?: AbortSignal): Promise<Plan> {
  return await finishedBodyOf(client.POST('/api/v1/jobs/plan', { body, signal: signal ?? null }));
}

export async function jobPlan(session: Session, dataset: string, options: JobOptions): Promise<void> {
  const plan = await planJob(session, await jobOf(session, dataset, options));
  session.print(plan, () => planText(plan, asOptions));
}

export async function jobList({ client, print }: Session): Promise<void> {
  const answer = await bodyOf(client.GET('/api/v1/jobs/', { params: { query: { page_size: 100 } } }));
  print(answer, () => listText('job', answer.items, 'There is no job. Create one with `mtm train FILE --model NAME`.'));
}

export async function ownerShow({ client, print }: Session, name: RunName): Promise<void> {
  const owner = await ownerOf(client, name);
  const trackers = owner.trackers.length === 0 || owner.run_number === null ? [] : await trackersOf(client, name);
  print(owner, () => ownerText(name.kind, owner, trackers));
}
