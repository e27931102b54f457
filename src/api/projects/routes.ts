import { changeProject } from '../../commands/projects/change-project.ts';
import { createProject } from '../../commands/projects/create-project.ts';
import { findProject } from '../../commands/projects/find-project.ts';
import { planProject } from '../../commands/projects/plan-project.ts';
import { startProject } from '../../commands/projects/start-project.ts';
import { cancelLatest, deleteOwner } from '../../commands/runs/actions.ts';
import { OrchestrationUnavailableError } from '../../commands/workflows/client.ts';
import { Host } from '../../models/pool/host.ts';
import { servedRun } from '../../models/versions/served-run.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { badRequest } from '../http/errors.ts';
import { IdParams } from '../http/shared-schema.ts';
import { addQueueChange } from '../queue/routes.ts';
import { addPausing } from '../runs/pausing.ts';
import { presentPlanned } from '../runs/plan.ts';
import { StartAfresh, StartAgain } from '../runs/start-again-schema.ts';
import { addChoices } from './choice-routes.ts';
import { listProjects } from './list-projects.ts';
import { presentProject } from './present.ts';
import {
  ProjectCreate,
  ProjectListQuery,
  ProjectListSchema,
  ProjectPatch,
  ProjectPlanAnswerSchema,
  ProjectPlanRequest,
  ProjectSchema,
  ProjectValidationSchema,
} from './schema.ts';

const tag = 'Projects';

export function addProjects(endpoints: Endpoints, { env, orchestration }: ApiDependencies): void {
  addChoices(endpoints, env);

  endpoints.add({
    method: 'post',
    path: '/projects/',
    role: 'trainer',
    summary: 'Create a project of traits and their datasets; POST /projects/{id}/start trains it',
    tag,
    body: ProjectCreate,
    success: { status: 201, description: 'The project', schema: ProjectSchema, location: '/projects/{id}' },
    creates: true,
    errors: { 400: 'Validation failed' },
    handle: ({ body, once }) =>
      once(async (transaction) => presentProject(await createProject(body, env, transaction))),
  });

  endpoints.add({
    method: 'get',
    path: '/projects/',
    role: 'viewer',
    summary: 'List projects, newest first',
    tag,
    query: ProjectListQuery,
    success: { status: 200, description: 'A page of projects', schema: ProjectListSchema },
    handle: async ({ query }) => {
      const { projects, total } = await listProjects(query);
      return { items: projects.map(presentProject), total, page: query.page, page_size: query.page_size };
    },
  });

  endpoints.add({
    method: 'post',
    path: '/projects/plan',
    role: 'trainer',
    changesNothing: true,
    summary: 'What the mixture of a project would be; nothing is created',
    tag,
    body: ProjectPlanRequest,
    success: { status: 200, description: 'The plan', schema: ProjectPlanAnswerSchema },
    errors: { 400: 'Validation failed' },
    mayTakeLong: true,
    handle: async ({ body, slowly }) => {
      const { first, second } = await planProject(body, { env, slowly });
      const present = ({ plan, estimate, batchReason, ...planned }: typeof first) =>
        presentPlanned(plan, planned, estimate, batchReason);
      return { ...present(first), followed_by: second && present(second) };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/projects/{id}',
    role: 'viewer',
    summary: 'Get a project with its traits',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The project', schema: ProjectSchema },
    errors: { 404: 'Project not found' },
    handle: async ({ params: { id } }) => presentProject(await findProject(id)),
  });

  endpoints.add({
    method: 'patch',
    path: '/projects/{id}',
    role: 'trainer',
    summary: "Change a project's name, description or gate; traits and datasets stay as they were created",
    tag,
    params: IdParams,
    body: ProjectPatch,
    success: { status: 200, description: 'The project as it is now', schema: ProjectSchema },
    errors: { 400: 'The gate is not one for this project', 404: 'Project not found' },
    handle: async ({ params: { id }, body }) => presentProject(await changeProject(id, body)),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/start',
    role: 'trainer',
    summary: 'Start training a project, from step 0',
    tag,
    params: IdParams,
    body: StartAfresh,
    bodyOptional: true,
    creates: true,
    success: { status: 200, description: 'The project, pending', schema: ProjectSchema },
    errors: {
      400: 'Model not available, or it would not fit',
      404: 'Project not found',
      409: 'It has a run that has not ended',
    },
    handle: ({ params: { id }, body, once }) =>
      once(async (transaction) => presentProject(await startProject(id, { fresh: true, ...body }, env, transaction))),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/retry',
    role: 'trainer',
    summary: 'Run a project again after it failed or was cancelled, from its last checkpoint or afresh',
    tag,
    params: IdParams,
    body: StartAgain,
    bodyOptional: true,
    creates: true,
    success: { status: 200, description: 'The project, pending', schema: ProjectSchema },
    errors: {
      400: 'Model not available, or the project is completed',
      404: 'Project not found',
      409: 'It has a run that has not ended',
    },
    handle: ({ params: { id }, body, once }) =>
      once(async (transaction) => presentProject(await startProject(id, body, env, transaction))),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/cancel',
    role: 'trainer',
    summary: 'Cancel a project; its trainer is ended within seconds',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The project, cancelled', schema: ProjectSchema },
    errors: { 400: 'It has no run that can be cancelled', 404: 'Project not found' },
    handle: async ({ params: { id } }) => {
      await cancelLatest({ kind: 'project', id });
      return presentProject(await findProject(id));
    },
  });

  addPausing(endpoints, orchestration, {
    kind: 'project',
    tag,
    schema: ProjectSchema,
    show: async (id) => presentProject(await findProject(id)),
  });

  addQueueChange(endpoints, {
    kind: 'project',
    tag,
    schema: ProjectSchema,
    show: async (id) => presentProject(await findProject(id)),
  });

  endpoints.add({
    method: 'delete',
    path: '/projects/{id}',
    role: 'trainer',
    summary: 'Delete a project with its runs; what it published stays in its directory',
    tag,
    params: IdParams,
    success: { status: 204, description: 'Deleted' },
    errors: { 404: 'Project not found', 409: 'It has a run that has not ended' },
    handle: ({ params: { id } }) => deleteOwner({ kind: 'project', id }),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/validate',
    role: 'trainer',
    changesNothing: true,
    summary: 'Check the files of the trained model, and that it loads',
    tag,
    params: IdParams,
    success: { status: 200, description: 'What was found', schema: ProjectValidationSchema },
    errors: { 400: 'Training has not completed', 404: 'Project not found' },
    mayTakeLong: true,
    handle: async ({ params: { id }, slowly }) => {
      const { latestRun } = await findProject(id);
      const run = (await servedRun({ project_id: id })) ?? latestRun;
      if (run?.status !== 'completed')
        throw badRequest(
          `Project ${id} is ${run?.status ?? 'not started'}; validate it once its training has completed.`,
        );
      const host = await freshestHost();
      const check = () => orchestration.checkOutput(run.id, host);
      const { valid, files, loading, errors } = await slowly({ runId: run.id }, check);
      return { valid, files, loading, errors };
    },
  });
}

async function freshestHost(): Promise<string> {
  const [host] = await Host.present();
  if (!host) throw new OrchestrationUnavailableError('No host agent runs, and the check needs one.');
  return host.name;
}
