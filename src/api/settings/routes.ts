import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { presentConfig } from './present.ts';
import { ConfigPatch, ConfigSchema } from './schema.ts';

export function addConfig(endpoints: Endpoints): void {
  endpoints.add({
    method: 'get',
    path: '/config/',
    summary: 'Defaults and limits',
    tag: 'Configuration',
    success: { status: 200, description: 'The configuration', schema: ConfigSchema },
    handle: async () => await presentConfig(await TrainingConfig.current()),
  });

  endpoints.add({
    method: 'patch',
    path: '/config/',
    summary: 'Change defaults and limits; runs that were created keep what they were created with',
    tag: 'Configuration',
    body: ConfigPatch,
    success: { status: 200, description: 'The configuration as it is now', schema: ConfigSchema },
    handle: async ({ body }) => {
      const config = await TrainingConfig.current();
      const { default_learning_rate: rate, ...others } = body;
      const chosen = rate === undefined ? {} : { learning_rate_is_chosen: rate !== null };
      const changed = { ...others, ...chosen, ...(typeof rate === 'number' && { default_learning_rate: rate }) };
      return await presentConfig(await config.update(changed));
    },
  });
}
