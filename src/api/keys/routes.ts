import {
  changeKey,
  createKey,
  FIRST_KEY_NOTICE,
  findKey,
  type OtherWays,
  revokeKey,
} from '../../commands/keys/keys.ts';
import { ApiKey } from '../../models/keys/api-key.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { principalOf } from '../http/guard.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { isOpenWithoutKeys } from '../http/safe-address.ts';
import { IdParams } from '../http/shared-schema.ts';
import { presentKey, presentKeys } from './present.ts';
import { KeyCreate, KeyListQuery, KeyListSchema, KeyPatch, KeySchema, NewKeySchema } from './schema.ts';

const tag = 'Keys';

export function addKeys(endpoints: Endpoints, { env }: ApiDependencies): void {
  const { keys } = endpoints.routes.guard;
  const ways: OtherWays = { hasKeysOfSettings: env.apiKeys.length > 0, isOpenWithoutKeys: isOpenWithoutKeys(env) };
  const errors = { 404: 'No such key' };

  // Takes no Idempotency-Key: its answer would be kept, with the key in it. A name is given once.
  endpoints.add({
    method: 'post',
    path: '/keys/',
    role: 'admin',
    summary: 'Make an API key. It is shown in this answer alone; the first one closes the service to all who have none',
    tag,
    body: KeyCreate,
    success: { status: 201, description: 'The key', schema: NewKeySchema, location: '/keys/{id}' },
    errors: {
      400: 'The first key has to be of an admin; a key cannot expire in the past',
      409: 'Another key has this name',
    },
    handle: async ({ body: { name, role, expires_at: expires, max_open_runs: maxOpenRuns }, ctx }) => {
      const expiresAt = expires === null ? null : new Date(expires);
      const { row, key, isFirst } = await createKey({ name, role, expiresAt, maxOpenRuns }, principalOf(ctx), ways);
      await keys.readAnew();
      ctx.set('Cache-Control', 'no-store');
      return { ...(await presentKey(row)), key, notice: isFirst ? FIRST_KEY_NOTICE : null };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/keys/',
    role: 'admin',
    summary: 'List the API keys, newest first: who has which role, and when each was used',
    tag,
    query: KeyListQuery,
    success: { status: 200, description: 'A page of keys', schema: KeyListSchema },
    handle: async ({ query: { revoked, ...page } }) => {
      const where = revoked === 'true' ? {} : { revoked_at: null };
      const { rows, count } = await ApiKey.findAndCountAll({ where, order: [['id', 'DESC']], ...limitsOf(page) });
      return pageOf(await presentKeys(rows), count, page);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/keys/{id}',
    role: 'admin',
    summary: 'An API key, without its secret',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The key', schema: KeySchema },
    errors,
    handle: async ({ params: { id } }) => await presentKey(await findKey(id)),
  });

  endpoints.add({
    method: 'patch',
    path: '/keys/{id}',
    role: 'admin',
    summary:
      'Rename an API key, change its limit, or have it expire at another time. For another role make another key',
    tag,
    params: IdParams,
    body: KeyPatch,
    success: { status: 200, description: 'The key', schema: KeySchema },
    errors: { ...errors, 400: 'A key cannot expire in the past', 409: 'Another key has this name, or it was revoked' },
    handle: async ({ params: { id }, body: { name, expires_at: expires, max_open_runs: maxOpenRuns } }) => {
      const expiresAt = typeof expires === 'string' ? new Date(expires) : expires;
      const row = await changeKey(id, { name, expiresAt, maxOpenRuns });
      await keys.readAnew();
      return await presentKey(row);
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/keys/{id}',
    role: 'admin',
    summary: 'Revoke an API key, for good; what it did stays in the lists',
    tag,
    params: IdParams,
    success: { status: 204, description: 'It opens nothing any more' },
    errors: { ...errors, 409: 'It is the last key of an admin' },
    handle: async ({ params: { id } }) => {
      await revokeKey(id, ways);
      await keys.readAnew();
    },
  });
}
