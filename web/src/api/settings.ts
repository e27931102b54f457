import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

export type Config = components['schemas']['Config'];
export type ConfigChanges = components['schemas']['ConfigPatch'];

/** Changes defaults and limits; what was created keeps what it was created with. @throws ApiRefusal */
export function changeConfig(body: ConfigChanges): Promise<Config> {
  return bodyOf(client.PATCH('/api/v1/config/', { body }));
}
