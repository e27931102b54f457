import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

export type Role = NonNullable<components['schemas']['Session']['role']>;

export const sessionKey = ['session'] as const;

/** Whether this browser has to sign in. The key itself is in a cookie that no script reads. */
export const sessionQuery = queryOptions({
  queryKey: sessionKey,
  queryFn: () => bodyOf(client.GET('/api/v1/session')),
  staleTime: Number.POSITIVE_INFINITY,
});

/** @throws ApiRefusal when it is none of the service's keys */
export function signIn(apiKey: string) {
  return bodyOf(client.POST('/api/v1/session', { body: { api_key: apiKey } }));
}

export function signOut() {
  return bodyOf(client.DELETE('/api/v1/session'));
}
