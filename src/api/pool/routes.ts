import { drain, undrain } from '../../commands/pool/drain.ts';
import { ANSWER_WITHIN_MS } from '../../platform/long-answers.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { IdempotencyHeaders } from '../http/shared-schema.ts';
import { presentWorkerPool } from './present.ts';
import { DrainRequest, HostParams, WorkerAction, WorkerParams, WorkerPoolSchema } from './schema.ts';

const tag = 'Workers';

export function addWorkers(endpoints: Endpoints, { orchestration }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/workers/',
    role: 'viewer',
    summary: 'The worker pool, as its processes are',
    tag,
    success: { status: 200, description: 'The pool', schema: WorkerPoolSchema },
    handle: presentWorkerPool,
  });

  endpoints.add({
    method: 'post',
    path: '/workers/',
    role: 'admin',
    summary: 'Start, stop or restart workers; answers when the pool is as asked, or after 8 s with how far it is',
    tag,
    body: WorkerAction,
    headers: IdempotencyHeaders,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 400: 'More than max_concurrent_workers, or than there are free devices' },
    handle: async ({ body, idempotencyKey }) => {
      // The pool is in the database: while that is away, the command would wait for it instead of saying so.
      const { workers } = await presentWorkerPool();
      const isDone = await orchestration.controlPool(
        body.action === 'start' ? { action: 'start', count: body.worker_count } : { action: body.action },
        ANSWER_WITHIN_MS,
        idempotencyKey(),
      );
      const pool = await presentWorkerPool();
      if (isDone || pool.pending_action?.action === body.action) return pool;
      // Another command is before it.
      const total = body.action === 'start' ? body.worker_count : workers.filter(({ pid }) => pid !== null).length;
      return { ...pool, pending_action: { action: body.action, done: 0, total } };
    },
  });

  endpoints.add({
    method: 'post',
    path: '/workers/hosts/{host}/drain',
    role: 'admin',
    summary: 'Empty a host: no run begins there, and those that are trained there go on to their end, or move',
    tag,
    params: HostParams,
    body: DrainRequest,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 404: 'Host not found' },
    handle: async ({ params, body: { move } }) => {
      await drain({ host: params.host }, move);
      return await presentWorkerPool();
    },
  });

  endpoints.add({
    method: 'post',
    path: '/workers/hosts/{host}/undrain',
    role: 'admin',
    summary: 'Let runs begin on a host again: its workers are started',
    tag,
    params: HostParams,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 400: 'It is not being drained', 404: 'Host not found' },
    handle: async ({ params }) => {
      await undrain({ host: params.host });
      return await presentWorkerPool();
    },
  });

  endpoints.add({
    method: 'post',
    path: '/workers/{worker}/drain',
    role: 'admin',
    summary: 'Empty a worker: it takes no run, and what it trains goes on to its end, or moves',
    tag,
    params: WorkerParams,
    body: DrainRequest,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 404: 'Worker not found' },
    handle: async ({ params, body: { move } }) => {
      await drain({ worker: params.worker }, move);
      return await presentWorkerPool();
    },
  });

  endpoints.add({
    method: 'post',
    path: '/workers/{worker}/undrain',
    role: 'admin',
    summary: 'Let a worker take runs again',
    tag,
    params: WorkerParams,
    success: { status: 200, description: 'The pool as it is now', schema: WorkerPoolSchema },
    errors: { 400: 'It is not being drained', 404: 'Worker not found' },
    handle: async ({ params }) => {
      await undrain({ worker: params.worker });
      return await presentWorkerPool();
    },
  });
}
