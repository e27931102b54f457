import { findModel } from '../../base-models/find-model.ts';
import { changeRetention, requireAuditKept } from '../../commands/storage/change-retention.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { presentConfig } from './present.ts';
import { ConfigPatch, ConfigSchema } from './schema.ts';

export function addConfig(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/config/',
    role: 'viewer',
    summary: 'Defaults and limits',
    tag: 'Configuration',
    success: { status: 200, description: 'The configuration', schema: ConfigSchema },
    handle: async () => await presentConfig(await TrainingConfig.current(), env),
  });

  endpoints.add({
    method: 'patch',
    path: '/config/',
    role: 'admin',
    summary: 'Change defaults and limits; runs that were created keep what they were created with',
    tag: 'Configuration',
    body: ConfigPatch,
    success: { status: 200, description: 'The configuration as it is now', schema: ConfigSchema },
    errors: {
      400: 'A name is to stand for a model that cannot be trained here, or the audit list is to be kept for less than MTM_KEEP_AUDIT_DAYS',
    },
    handle: async ({ body }) => {
      const config = await TrainingConfig.current();
      await requireAliased(env, body.model_aliases ?? {}, config.model_aliases);
      const { default_learning_rate: rate, retention, ...others } = body;
      requireAuditKept(retention ?? {}, env);
      const chosen = rate === undefined ? {} : { learning_rate_is_chosen: rate !== null };
      const changed = { ...others, ...chosen, ...(typeof rate === 'number' && { default_learning_rate: rate }) };
      await config.update(changed);
      if (retention) await changeRetention(retention);
      return await presentConfig(await config.reload(), env);
    },
  });
}

/** Of names that stood for the same before, a model may have gone meanwhile. @throws UserError */
async function requireAliased(
  env: Env,
  aliases: Record<string, string>,
  before: Record<string, string>,
): Promise<void> {
  for (const [name, meant] of Object.entries(aliases)) {
    if (before[name] === meant) continue;
    const { available, errors } = await findModel(env, meant);
    if (!available)
      throw new UserError(
        `model_aliases lets ${name} stand for ${meant}, which cannot be trained here. GET /models/ lists those that can. ${errors.join(' ')}`,
        { field: 'model_aliases' },
      );
  }
}
