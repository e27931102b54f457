import type { Sequelize } from 'sequelize';
import { Job } from '../../models/job.ts';
import { isFinal, RUN_STATUSES } from '../../models/statuses.ts';
import { transition } from '../../models/transition.ts';
import type { ApiDependencies, Endpoints } from '../endpoint.ts';
import { badRequest, notFound } from '../errors.ts';
import { IdParams } from '../shared-schema.ts';
import { createJob } from './create-job.ts';
import { presentJob, presentJobStatus } from './present.ts';
import { JobCreate, JobListQuery, JobListSchema, JobPatch, JobSchema, JobStatusSchema } from './schema.ts';

const tag = 'Training jobs';

export function addJobs(endpoints: Endpoints, { env }: ApiDependencies, sequelize: Sequelize): void {
  endpoints.add({
    method: 'post',
    path: '/jobs/',
    summary: 'Create a training job; it is queued at once',
    tag,
    body: JobCreate,
    success: { status: 201, description: 'The job', schema: JobSchema },
    errors: { 400: 'Invalid dataset or parameters' },
    handle: async ({ body }) => presentJob(await createJob(body, env, sequelize)),
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/',
    summary: 'List jobs, newest first',
    tag,
    query: JobListQuery,
    success: { status: 200, description: 'A page of jobs', schema: JobListSchema },
    handle: async ({ query: { page, page_size, status } }) => {
      const { rows, count } = await Job.findAndCountAll({
        include: [{ association: 'latestRun', required: true, where: { status: status ?? [...RUN_STATUSES] } }],
        order: [['id', 'DESC']],
        limit: page_size,
        offset: (page - 1) * page_size,
      });
      return { items: rows.map(presentJob), total: count, page, page_size, pages: Math.ceil(count / page_size) };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/{id}',
    summary: 'Get a job',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The job', schema: JobSchema },
    errors: { 404: 'Job not found' },
    handle: async ({ params: { id } }) => presentJob(await findJob(id)),
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/{id}/status',
    summary: 'Where a job stands',
    tag,
    params: IdParams,
    success: { status: 200, description: 'Its status', schema: JobStatusSchema },
    errors: { 404: 'Job not found' },
    handle: async ({ params: { id } }) => presentJobStatus(await findJob(id)),
  });

  endpoints.add({
    method: 'patch',
    path: '/jobs/{id}',
    summary: "Change a job's name or description",
    tag,
    params: IdParams,
    body: JobPatch,
    success: { status: 200, description: 'The job as it is now', schema: JobSchema },
    errors: { 404: 'Job not found' },
    handle: async ({ params: { id }, body }) => presentJob(await (await findJob(id)).update(body)),
  });

  endpoints.add({
    method: 'post',
    path: '/jobs/{id}/cancel',
    summary: 'Cancel a job; its trainer is ended within seconds',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The job, cancelled', schema: JobSchema },
    errors: { 400: 'Job cannot be cancelled', 404: 'Job not found' },
    handle: async ({ params: { id } }) => {
      const job = await findJob(id);
      const run = job.latestRun;
      // The row decides; the dispatcher tells the workflow, and the lease tells the worker.
      const cancelled =
        run && !isFinal(run.status)
          ? await transition({ runId: run.id, to: 'cancelled', phase: 'finished', why: { reason: 'asked' } })
          : null;
      if (!cancelled)
        throw badRequest(`Job ${id} is ${run?.status ?? 'without a run'} and cannot be cancelled any more.`);
      job.latestRun = cancelled;
      return presentJob(job);
    },
  });
}

async function findJob(id: number): Promise<Job> {
  const job = await Job.findByPk(id, { include: 'latestRun' });
  if (!job) throw notFound('Job', id);
  return job;
}
