import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';
import { newKey } from './idempotency.ts';
import { ownerKey } from './runs.ts';
import type { Project } from './types.ts';

export type Version = components['schemas']['Version'];
export type Gate = NonNullable<Project['gate']>;

/** The versions of a project's model, newest first: the last hundred of them. */
export function versionsQuery(id: number) {
  const params = { path: { id }, query: { page_size: 100 } };
  return queryOptions({
    queryKey: [...ownerKey({ kind: 'project', id }), 'versions'],
    queryFn: () => bodyOf(client.GET('/api/v1/projects/{id}/versions', { params })),
  });
}

/** Makes a version the latest; null: the one that was so before. @throws ApiRefusal */
export function changeLatest(id: number, version: number | null, reason: string): Promise<Version> {
  const params = { path: { id }, header: { 'Idempotency-Key': newKey() } };
  return version === null
    ? bodyOf(client.POST('/api/v1/projects/{id}/rollback', { params, body: { reason } }))
    : bodyOf(client.POST('/api/v1/projects/{id}/promote', { params, body: { version, reason } }));
}

/** Sets what must hold for runs that are validated from now on; null: nothing. @throws ApiRefusal */
export function changeGate(id: number, gate: Gate | null): Promise<Project> {
  return bodyOf(client.PATCH('/api/v1/projects/{id}', { params: { path: { id } }, body: { gate } }));
}
