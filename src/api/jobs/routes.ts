import { createJob, jobSpec } from '../../commands/jobs/create-job.ts';
import { findJob } from '../../commands/jobs/find-job.ts';
import { planJob } from '../../commands/jobs/plan-job.ts';
import { readJob } from '../../commands/jobs/read-job.ts';
import { cancelLatest, deleteOwner, startAgain } from '../../commands/runs/actions.ts';
import { Job } from '../../models/jobs/job.ts';
import { LATEST_RUN, withPlaces } from '../../models/runs/latest-run.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { pageOf, searchOf, withStatus } from '../http/list-query.ts';
import { IdParams } from '../http/shared-schema.ts';
import { addQueueChange } from '../queue/routes.ts';
import { addPausing } from '../runs/pausing.ts';
import { PlanAnswerSchema, presentPlanned } from '../runs/plan.ts';
import { StartAgain } from '../runs/start-again-schema.ts';
import { presentJob, presentJobStatus } from './present.ts';
import {
  JobCreate,
  JobListQuery,
  JobListSchema,
  JobPatch,
  JobPlanRequest,
  JobSchema,
  JobStatusSchema,
} from './schema.ts';

const tag = 'Training jobs';

export function addJobs(endpoints: Endpoints, { env, orchestration }: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/jobs/',
    role: 'trainer',
    summary: 'Create a training job; it is queued at once',
    tag,
    body: JobCreate,
    success: { status: 201, description: 'The job', schema: JobSchema, location: '/jobs/{id}' },
    creates: true,
    errors: { 400: 'Invalid dataset or parameters' },
    handle: ({ body, onceByOneStatement }) =>
      onceByOneStatement(async (transaction) => presentJob(await createJob(body, env, transaction))),
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/',
    role: 'viewer',
    summary: 'List jobs, newest first',
    tag,
    query: JobListQuery,
    success: { status: 200, description: 'A page of jobs', schema: JobListSchema },
    handle: async ({ query: { status, training_type, ...query } }) => {
      const search = searchOf(
        'job',
        query,
        status ? withStatus('job', status) : {},
        training_type ? { training_type } : {},
      );
      const { rows, count } = await Job.findAndCountAll({ ...search, include: [LATEST_RUN], subQuery: false });
      await withPlaces(rows.flatMap(({ latestRun }) => latestRun ?? []));
      return pageOf(rows.map(presentJob), count, query);
    },
  });

  endpoints.add({
    method: 'post',
    path: '/jobs/plan',
    role: 'trainer',
    changesNothing: true,
    summary: 'What a job would be trained on; nothing is created',
    tag,
    body: JobPlanRequest,
    success: { status: 200, description: 'The plan', schema: PlanAnswerSchema },
    errors: { 400: 'Invalid dataset or parameters' },
    mayTakeLong: true,
    handle: async ({ body, slowly }) => {
      const { plan, estimate, batchReason, ...planned } = await planJob(body, { env, slowly });
      return presentPlanned(plan, planned, estimate, batchReason);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/{id}',
    role: 'viewer',
    summary: 'Get a job',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The job', schema: JobSchema },
    errors: { 404: 'Job not found' },
    handle: async ({ params: { id } }) => presentJob(await readJob(id)),
  });

  endpoints.add({
    method: 'get',
    path: '/jobs/{id}/status',
    role: 'viewer',
    summary: 'Where a job stands',
    tag,
    params: IdParams,
    success: { status: 200, description: 'Its status', schema: JobStatusSchema },
    errors: { 404: 'Job not found' },
    handle: async ({ params: { id } }) => presentJobStatus(await readJob(id)),
  });

  endpoints.add({
    method: 'patch',
    path: '/jobs/{id}',
    role: 'trainer',
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
    role: 'trainer',
    summary: 'Cancel a job; its trainer is ended within seconds',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The job, cancelled', schema: JobSchema },
    errors: { 400: 'Job cannot be cancelled', 404: 'Job not found' },
    handle: async ({ params: { id } }) => {
      await findJob(id);
      await cancelLatest({ kind: 'job', id });
      return presentJob(await findJob(id));
    },
  });

  endpoints.add({
    method: 'post',
    path: '/jobs/{id}/start',
    role: 'trainer',
    summary: 'Run a job again after it failed or was cancelled, from its last checkpoint or afresh',
    tag,
    params: IdParams,
    body: StartAgain,
    bodyOptional: true,
    creates: true,
    success: { status: 200, description: 'The job, pending', schema: JobSchema },
    errors: { 400: 'It is completed', 404: 'Job not found', 409: 'It has a run that has not ended' },
    handle: ({ params: { id }, body, once }) =>
      once(async (transaction) => {
        const job = await findJob(id, transaction);
        await startAgain({ kind: 'job', id }, body, env, () => jobSpec(job, env, transaction), transaction);
        return presentJob(await findJob(id, transaction));
      }),
  });

  addPausing(endpoints, orchestration, {
    kind: 'job',
    tag,
    schema: JobSchema,
    show: async (id) => presentJob(await findJob(id)),
  });

  addQueueChange(endpoints, {
    kind: 'job',
    tag,
    schema: JobSchema,
    show: async (id) => presentJob(await readJob(id)),
  });

  endpoints.add({
    method: 'delete',
    path: '/jobs/{id}',
    role: 'trainer',
    summary: 'Delete a job with its runs; what it published stays in its directory',
    tag,
    params: IdParams,
    success: { status: 204, description: 'Deleted' },
    errors: { 404: 'Job not found', 409: 'It has a run that has not ended' },
    handle: ({ params: { id } }) => deleteOwner({ kind: 'job', id }),
  });
}
