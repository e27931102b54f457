import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';
import type { Role } from './session.ts';

export type ApiKey = components['schemas']['Key'];
export type NewApiKey = components['schemas']['NewKey'];

/** Everything that is read of keys begins with this. */
export const keysKey = ['keys'] as const;

const MOST_SHOWN = 100;

/** @param revoked with those that open nothing any more */
export function keysQuery(page: number, revoked: boolean) {
  const query = { page, page_size: MOST_SHOWN, revoked: revoked ? ('true' as const) : ('false' as const) };
  return queryOptions({
    queryKey: [...keysKey, query],
    queryFn: () => bodyOf(client.GET('/api/v1/keys/', { params: { query } })),
  });
}

/** The answer has the key itself, and nothing else ever has. @throws ApiRefusal */
export function makeKey(body: { name: string; role: Role; expires_at: string | null }): Promise<NewApiKey> {
  return bodyOf(client.POST('/api/v1/keys/', { body: { ...body, max_open_runs: null } }));
}

/** @throws ApiRefusal where it is the last one of an admin */
export async function revokeKey(id: number): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/keys/{id}', { params: { path: { id } } }));
}
