import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { bodyOf, client } from './client.ts';
import { runsKey } from './runs.ts';
import type { QueueChange, RunOwner } from './types.ts';

const LINE_EVERY_MS = 3_000;

/** A page of the runs that wait to be trained, in the order in which they begin. */
export function queueQuery(page: number, page_size: number) {
  return queryOptions({
    queryKey: [...runsKey, 'queue', page, page_size],
    queryFn: () => bodyOf(client.GET('/api/v1/queue/', { params: { query: { page, page_size } } })),
    refetchInterval: LINE_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

/** One run as the line has it; null: it does not wait to be trained. */
export function waitingRunQuery(run_id: number) {
  return queryOptions({
    queryKey: [...runsKey, 'queue', 'run', run_id],
    queryFn: async () => {
      const { items } = await bodyOf(client.GET('/api/v1/queue/', { params: { query: { run_id } } }));
      return items[0] ?? null;
    },
    refetchInterval: LINE_EVERY_MS,
  });
}

/** Changes when a run begins that waits for its first worker. @throws ApiRefusal */
export function changeQueue({ kind, id }: RunOwner, body: QueueChange): Promise<unknown> {
  const params = { path: { id } };
  return kind === 'job'
    ? bodyOf(client.POST('/api/v1/jobs/{id}/queue', { params, body }))
    : bodyOf(client.POST('/api/v1/projects/{id}/queue', { params, body }));
}
