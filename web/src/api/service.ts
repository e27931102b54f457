import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

const POOL_EVERY_MS = 3_000;
const HEALTH_EVERY_MS = 5_000;

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: () => bodyOf(client.GET('/api/v1/health')),
  refetchInterval: HEALTH_EVERY_MS,
});

export const poolQuery = queryOptions({
  queryKey: ['pool'],
  queryFn: () => bodyOf(client.GET('/api/v1/workers/')),
  refetchInterval: POOL_EVERY_MS,
  placeholderData: keepPreviousData,
});

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: () => bodyOf(client.GET('/api/v1/config/')),
});

/** Begins, or ends, to empty a host. @throws ApiRefusal */
export function drainHost(host: string, how: 'finish' | 'move' | 'end') {
  const params = { path: { host } };
  return how === 'end'
    ? bodyOf(client.POST('/api/v1/workers/hosts/{host}/undrain', { params }))
    : bodyOf(client.POST('/api/v1/workers/hosts/{host}/drain', { params, body: { move: how === 'move' } }));
}

/** The same of one worker. @throws ApiRefusal */
export function drainWorker(worker: string, how: 'finish' | 'move' | 'end') {
  const params = { path: { worker } };
  return how === 'end'
    ? bodyOf(client.POST('/api/v1/workers/{worker}/undrain', { params }))
    : bodyOf(client.POST('/api/v1/workers/{worker}/drain', { params, body: { move: how === 'move' } }));
}

/** Answers when the pool is as asked, or after some seconds with how far it is. @throws ApiRefusal */
export function controlPool(body: components['schemas']['WorkerAction']) {
  return bodyOf(client.POST('/api/v1/workers/', { body }));
}
