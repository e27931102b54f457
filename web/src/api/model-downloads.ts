import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

const OPEN_EVERY_MS = 1_000;
const IDLE_EVERY_MS = 10_000;

export type ModelDownload = components['schemas']['ModelDownload'];
export type NewModel = components['schemas']['ModelAdd'];
export type DownloadAction = 'pause' | 'resume' | 'cancel';

export const modelDownloadsKey = ['model-downloads'] as const;

export function isOpen({ status }: ModelDownload): boolean {
  return ['pending', 'running', 'paused'].includes(status);
}

/** The last downloads of models, newest first. */
export const modelDownloadsQuery = queryOptions({
  queryKey: modelDownloadsKey,
  queryFn: async () =>
    (await bodyOf(client.GET('/api/v1/model-downloads/', { params: { query: { page_size: 20 } } }))).items,
  refetchInterval: ({ state: { data } }) => (data?.some(isOpen) ? OPEN_EVERY_MS : IDLE_EVERY_MS),
});

/** Asks for a model; what is asked for twice is one download. @throws ApiRefusal */
export function addModel(body: NewModel): Promise<ModelDownload> {
  return bodyOf(client.POST('/api/v1/models/', { body }));
}

/** @throws ApiRefusal where it is in no state for that */
export function actOnDownload(id: number, action: DownloadAction): Promise<ModelDownload> {
  const params = { path: { id } };
  if (action === 'pause') return bodyOf(client.POST('/api/v1/model-downloads/{id}/pause', { params }));
  if (action === 'resume') return bodyOf(client.POST('/api/v1/model-downloads/{id}/resume', { params }));
  return bodyOf(client.POST('/api/v1/model-downloads/{id}/cancel', { params }));
}

/** Removes a model from the cache. @throws ApiRefusal while a run or a download has it */
export async function deleteModel(name: string): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/models/{name}', { params: { path: { name } } }));
}
