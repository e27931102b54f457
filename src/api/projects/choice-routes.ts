import { findModel, listModels } from '../../base-models/find-model.ts';
import { requireOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import { presentAvailability } from '../base-models/present.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { ModelListSchema, ModelRequest, ModelSchema, OutputDirectoryRequest, OutputDirectorySchema } from './schema.ts';

const tag = 'Projects';

/** What a project can be made with: base models and output directories. */
export function addChoices(endpoints: Endpoints, env: Env): void {
  endpoints.add({
    method: 'get',
    path: '/projects/models/available',
    role: 'viewer',
    summary: 'List the base models that can be used',
    tag,
    success: { status: 200, description: 'Their names', schema: ModelListSchema },
    alone: true,
    handle: () => listModels(env),
  });

  endpoints.add({
    method: 'post',
    path: '/projects/validate-output-dir',
    role: 'trainer',
    changesNothing: true,
    summary: 'Check that an output directory exists and can be written',
    tag,
    body: OutputDirectoryRequest,
    success: { status: 200, description: 'It can', schema: OutputDirectorySchema },
    errors: { 400: 'It does not exist, cannot be written, or may not be used' },
    alone: true,
    handle: async ({ body }) => {
      const path = await requireOutputDirectory(body.output_directory, env.outputRoots);
      return { valid: true, writable: true, path, errors: [] };
    },
  });

  endpoints.add({
    method: 'post',
    path: '/projects/validate-model',
    role: 'trainer',
    changesNothing: true,
    summary: 'Check that a base model is available locally',
    tag,
    body: ModelRequest,
    success: { status: 200, description: 'Whether it is, and where', schema: ModelSchema },
    alone: true,
    handle: async ({ body }) => presentAvailability(await findModel(env, body.model_name)),
  });
}
