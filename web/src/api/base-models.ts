import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

/** How often the facts of a chat template are asked for that are still being found out. */
const TEMPLATE_EVERY_MS = 2_000;

export type BaseModel = components['schemas']['BaseModel'];
export type BaseModelWithTemplate = components['schemas']['BaseModelWithTemplate'];
export type ChatTemplateFacts = NonNullable<BaseModelWithTemplate['template']>;

/** Everything that is read of base models begins with this. */
export const baseModelsKey = ['base-models'] as const;

/** All base models on the machine of the service, usable or not, by name. */
export const baseModelsQuery = queryOptions({
  queryKey: [...baseModelsKey, 'all'],
  queryFn: async () => (await bodyOf(client.GET('/api/v1/models/'))).items,
});

/** One of them, with what its chat template can show. @throws ApiRefusal 404, with how to get it */
export function baseModelQuery(name: string) {
  return queryOptions({
    queryKey: [...baseModelsKey, 'one', name],
    queryFn: () => bodyOf(client.GET('/api/v1/models/{name}', { params: { path: { name } } })),
    refetchInterval: ({ state: { data, error } }) =>
      error === null && data?.available && data.template === null ? TEMPLATE_EVERY_MS : false,
  });
}

/** Whether there is a usable model of this name, in any of the forms that a name can have, and else why not. */
export function availabilityQuery(name: string) {
  return queryOptions({
    queryKey: [...baseModelsKey, 'availability', name],
    queryFn: () => bodyOf(client.POST('/api/v1/projects/validate-model', { body: { model_name: name } })),
  });
}
