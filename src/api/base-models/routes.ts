import { findAllModels, findModel } from '../../base-models/find-model.ts';
import { KnownTemplates } from '../../commands/base-models/known-templates.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { ApiError } from '../http/errors.ts';
import { presentBaseModel } from './present.ts';
import { BaseModelListSchema, BaseModelWithTemplateSchema, ModelParams } from './schema.ts';

const tag = 'Models';

export function addModels(endpoints: Endpoints, { env }: ApiDependencies): void {
  const templates = new KnownTemplates(env);

  endpoints.add({
    method: 'get',
    path: '/models/',
    role: 'viewer',
    summary: 'List the base models on this machine, with the reasons where one is not usable',
    tag,
    success: { status: 200, description: 'Models, by name', schema: BaseModelListSchema },
    alone: true,
    handle: async () => ({ items: await Promise.all((await findAllModels(env)).map(presentBaseModel)) }),
  });

  endpoints.add({
    method: 'get',
    path: '/models/{name}',
    takesRestOfPath: true,
    role: 'viewer',
    summary:
      'Look at a base model: whether it is usable, its size, parameters, context length and license, and what its chat template can show',
    tag,
    params: ModelParams,
    success: { status: 200, description: 'The model', schema: BaseModelWithTemplateSchema },
    errors: { 404: 'There is no such model; how to get it' },
    alone: true,
    handle: async ({ params: { name } }) => {
      const found = await findModel(env, name);
      if (found.directory === null) throw new ApiError(404, found.errors.join(' '));
      return { ...(await presentBaseModel(found)), template: await templates.factsOf(found) };
    },
  });
}
