import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { PLANNED } from './at-work.ts';
import { bodyOf, client } from './client.ts';
import type { QueueChange, Sweep, SweepCreate, SweepSummary } from './types.ts';

const OPEN_EVERY_MS = 2_000;
const IDLE_EVERY_MS = 10_000;

export type SweepAction = 'pause' | 'resume' | 'cancel';

/** Everything that is read of sweeps begins with this. */
export const sweepsKey = ['sweeps'] as const;

export function isOpenSweep({ status }: Pick<SweepSummary, 'status'>): boolean {
  return status === 'running' || status === 'paused';
}

export function sweepListQuery(page: number, pageSize: number) {
  const params = { query: { page, page_size: pageSize } };
  return queryOptions({
    queryKey: [...sweepsKey, 'list', page, pageSize],
    queryFn: () => bodyOf(client.GET('/api/v1/sweeps/', { params })),
    refetchInterval: ({ state: { data } }) => (data?.items.some(isOpenSweep) ? OPEN_EVERY_MS : IDLE_EVERY_MS),
    placeholderData: keepPreviousData,
  });
}

export function sweepQuery(id: number) {
  return queryOptions({
    queryKey: [...sweepsKey, id],
    queryFn: () => bodyOf(client.GET('/api/v1/sweeps/{id}', { params: { path: { id } } })),
    refetchInterval: ({ state: { data } }) => (data && isOpenSweep(data) ? OPEN_EVERY_MS : IDLE_EVERY_MS),
  });
}

/** What a sweep would be. Where that takes long, how far it is: it is asked for again until it is there. */
export function sweepPlanQuery(body: SweepCreate) {
  return queryOptions({
    queryKey: ['plan', 'sweep', body],
    queryFn: () => bodyOf(client.POST('/api/v1/sweeps/plan', { body })),
    ...PLANNED,
  });
}

/** Sent again with the same key it creates nothing new. @throws ApiRefusal */
export function createSweep(body: SweepCreate, key: string): Promise<Sweep> {
  return bodyOf(client.POST('/api/v1/sweeps/', { params: { header: { 'Idempotency-Key': key } }, body }));
}

/** @throws ApiRefusal where it is in no state for that */
export function actOnSweep(id: number, action: SweepAction): Promise<Sweep> {
  const params = { path: { id } };
  if (action === 'pause') return bodyOf(client.POST('/api/v1/sweeps/{id}/pause', { params }));
  if (action === 'resume') return bodyOf(client.POST('/api/v1/sweeps/{id}/resume', { params }));
  return bodyOf(client.POST('/api/v1/sweeps/{id}/cancel', { params }));
}

/** Changes when those of its runs begin that wait for their first worker. @throws ApiRefusal */
export function changeQueueOfSweep(id: number, body: QueueChange): Promise<Sweep> {
  return bodyOf(client.POST('/api/v1/sweeps/{id}/queue', { params: { path: { id } }, body }));
}

/** Its jobs stay. @throws ApiRefusal while it goes on */
export async function deleteSweep(id: number): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/sweeps/{id}', { params: { path: { id } } }));
}
