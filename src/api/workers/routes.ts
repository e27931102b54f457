import type { ApiDependencies, Endpoints } from '../endpoint.ts';
import { presentWorkerPool } from './present.ts';
import { WorkerAction, WorkerPoolSchema } from './schema.ts';

const tag = 'Workers';

export function addWorkers(endpoints: Endpoints, { orchestration }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/workers/',
    summary: 'The worker pool, as its processes are',
    tag,
    success: { status: 200, description: 'The pool', schema: WorkerPoolSchema },
    handle: presentWorkerPool,
  });

  endpoints.add({
    method: 'post',
    path: '/workers/',
    summary: 'Start, stop or restart workers; answers when the pool is as asked',
    tag,
    body: WorkerAction,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 400: 'More than max_concurrent_workers, or than there are free devices' },
    handle: async ({ body }) => {
      // The pool is in the database: while that is away, the command would wait for it instead of saying so.
      await presentWorkerPool();
      await orchestration.controlPool(
        body.action === 'start' ? { action: 'start', count: body.worker_count } : { action: body.action },
      );
      return await presentWorkerPool();
    },
  });
}
