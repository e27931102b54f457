import { queryOptions } from '@tanstack/react-query';
import { bodyOf, client } from './client.ts';

const baseModelsKey = ['base-models'] as const;

/** All base models on the machine of the service, usable or not, by name. */
export const baseModelsQuery = queryOptions({
  queryKey: [...baseModelsKey, 'all'],
  queryFn: async () => (await bodyOf(client.GET('/api/v1/models/'))).items,
});
