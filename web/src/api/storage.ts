import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { whenDone } from './at-work.ts';
import { bodyOf, client } from './client.ts';
import { newKey } from './idempotency.ts';
import type { RunOwner } from './types.ts';

export type Storage = components['schemas']['Storage'];
export type Cleaned = components['schemas']['Cleaned'];

const AGAIN_MS = 30_000;

/** Everything that is read of storage begins with this. */
export const storageKey = ['storage'] as const;

/** What takes what, as it was measured last. */
export const storageQuery = queryOptions({
  queryKey: [...storageKey, 'overview'],
  queryFn: () => bodyOf(client.GET('/api/v1/storage')),
  refetchInterval: AGAIN_MS,
});

/** What went, newest first. */
export function removalsQuery(page: number) {
  return queryOptions({
    queryKey: [...storageKey, 'removals', page],
    queryFn: () => bodyOf(client.GET('/api/v1/storage/removals', { params: { query: { page } } })),
    placeholderData: keepPreviousData,
  });
}

/** Says what is due by the policies now, or has it removed. @throws ApiRefusal */
export function clean({ dry_run }: { dry_run: boolean }): Promise<Cleaned> {
  const header = { 'Idempotency-Key': newKey() };
  return whenDone(() => bodyOf(client.POST('/api/v1/storage/clean', { params: { header }, body: { dry_run } })));
}

/** What of a run is pinned; nothing more: the run itself. */
export type Pinnable = { step?: number; exportId?: number };

/** @throws ApiRefusal where it is there no more */
export async function pin({ kind, id }: RunOwner, run: number, { step, exportId }: Pinnable, pinned: boolean) {
  const query = { run };
  const body = { pinned };
  if (step !== undefined) {
    const params = { path: { id, step }, query };
    return kind === 'job'
      ? await bodyOf(client.POST('/api/v1/jobs/{id}/checkpoints/{step}/pin', { params, body }))
      : await bodyOf(client.POST('/api/v1/projects/{id}/checkpoints/{step}/pin', { params, body }));
  }
  if (exportId !== undefined) {
    const params = { path: { id, export_id: exportId }, query };
    return kind === 'job'
      ? await bodyOf(client.POST('/api/v1/jobs/{id}/exports/{export_id}/pin', { params, body }))
      : await bodyOf(client.POST('/api/v1/projects/{id}/exports/{export_id}/pin', { params, body }));
  }
  const params = { path: { id }, query };
  return kind === 'job'
    ? await bodyOf(client.POST('/api/v1/jobs/{id}/pin', { params, body }))
    : await bodyOf(client.POST('/api/v1/projects/{id}/pin', { params, body }));
}
