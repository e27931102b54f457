import type { Sequelize } from 'sequelize';
import { z } from 'zod';
import { findModel, listModels } from '../../base-models/model-cache.ts';
import { Host } from '../../models/host.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import { OrchestrationUnavailableError } from '../../workflows/client.ts';
import type { ApiDependencies, Endpoints } from '../endpoint.ts';
import { badRequest } from '../errors.ts';
import { IdParams, pageQuery } from '../shared-schema.ts';
import { presentProject } from './present.ts';
import {
  ModelRequest,
  ModelSchema,
  OutputDirectoryRequest,
  OutputDirectorySchema,
  ProjectCreate,
  ProjectListSchema,
  ProjectPatch,
  ProjectSchema,
  ProjectValidationSchema,
} from './schema.ts';
import { createProject, findProject, listProjects, startProject } from './store.ts';

const tag = 'Projects';

export function addProjects(endpoints: Endpoints, { env, orchestration }: ApiDependencies, sequelize: Sequelize): void {
  endpoints.add({
    method: 'post',
    path: '/projects/',
    summary: 'Create a project of traits and their datasets; POST /projects/{id}/start trains it',
    tag,
    body: ProjectCreate,
    success: { status: 201, description: 'The project', schema: ProjectSchema },
    errors: { 400: 'Validation failed' },
    handle: async ({ body }) => presentProject(await createProject(body, env, sequelize)),
  });

  endpoints.add({
    method: 'get',
    path: '/projects/',
    summary: 'List projects, newest first',
    tag,
    query: pageQuery(50),
    success: { status: 200, description: 'A page of projects', schema: ProjectListSchema },
    handle: async ({ query: { page, page_size } }) => {
      const { projects, total } = await listProjects(page, page_size);
      return { items: projects.map(presentProject), total, page, page_size };
    },
  });

  // Before /projects/{id}: the router takes the first that fits.
  endpoints.add({
    method: 'get',
    path: '/projects/models/available',
    summary: 'List the base models in the local Hugging Face cache',
    tag,
    success: { status: 200, description: 'Their names', schema: z.array(z.string()) },
    handle: () => listModels(env.modelCache),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/validate-output-dir',
    summary: 'Check that an output directory can be written',
    tag,
    body: OutputDirectoryRequest,
    success: { status: 200, description: 'It can', schema: OutputDirectorySchema },
    errors: { 400: 'It cannot be used' },
    handle: async ({ body }) => {
      const path = await resolveOutputDirectory(body.output_directory, env.outputRoots);
      return { valid: true, writable: true, path, errors: [] };
    },
  });

  endpoints.add({
    method: 'post',
    path: '/projects/validate-model',
    summary: 'Check that a base model is available locally',
    tag,
    body: ModelRequest,
    success: { status: 200, description: 'Whether it is, and where', schema: ModelSchema },
    handle: ({ body }) => findModel(env.modelCache, body.model_name),
  });

  endpoints.add({
    method: 'get',
    path: '/projects/{id}',
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
    summary: "Change a project's name or description; traits and datasets stay as they were created",
    tag,
    params: IdParams,
    body: ProjectPatch,
    success: { status: 200, description: 'The project as it is now', schema: ProjectSchema },
    errors: { 404: 'Project not found' },
    handle: async ({ params: { id }, body }) => presentProject(await (await findProject(id)).update(body)),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/start',
    summary: 'Start training a project',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The project, pending', schema: ProjectSchema },
    errors: { 400: 'Model not available', 404: 'Project not found', 409: 'It has a run that has not ended' },
    handle: async ({ params: { id } }) => {
      const project = await findProject(id);
      const model = await findModel(env.modelCache, project.base_model);
      if (!model.available) throw badRequest(model.errors.join(' '));
      await startProject(project, env, sequelize);
      return presentProject(await findProject(id));
    },
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/validate',
    summary: 'Check the files of the trained model, and that it loads',
    tag,
    params: IdParams,
    success: { status: 200, description: 'What was found', schema: ProjectValidationSchema },
    errors: { 400: 'Training has not completed', 404: 'Project not found' },
    handle: async ({ params: { id } }) => {
      const { latestRun: run } = await findProject(id);
      if (run?.status !== 'completed')
        throw badRequest(
          `Project ${id} is ${run?.status ?? 'not started'}; validate it once its training has completed.`,
        );
      const { valid, files, loading, errors } = await orchestration.checkOutput(run.id, await freshestHost());
      return { valid, files, loading, errors };
    },
  });
}

async function freshestHost(): Promise<string> {
  const host = await Host.findOne({ order: [['heartbeat_at', 'DESC']] });
  if (!host) throw new OrchestrationUnavailableError('No host agent has ever run, and the check needs one.');
  return host.name;
}
