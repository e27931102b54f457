import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { components, paths } from '../../../generated/api';
import { untilDone, whenDone } from './at-work.ts';
import { bodyOf, client } from './client.ts';
import type { Dataset, Mapping } from './types.ts';

const LIST_EVERY_MS = 10_000;
const USERS_AT_ONCE = 50;

export type DatasetSearch = NonNullable<paths['/api/v1/datasets/']['get']['parameters']['query']>;
export type TokensAsked = paths['/api/v1/datasets/{id}/tokens']['get']['parameters']['query'];
type SentMapping = NonNullable<components['schemas']['DatasetPatch']['mapping']>;

/** Everything that is read of datasets begins with this. */
export const datasetsKey = ['datasets'] as const;

/** A page of the datasets. */
export function datasetListQuery(search: DatasetSearch) {
  return queryOptions({
    queryKey: [...datasetsKey, 'list', search],
    queryFn: () => bodyOf(client.GET('/api/v1/datasets/', { params: { query: search } })),
    refetchInterval: LIST_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

export function datasetKey(id: number) {
  return [...datasetsKey, id] as const;
}

export function datasetQuery(id: number) {
  return queryOptions({
    queryKey: datasetKey(id),
    queryFn: () => bodyOf(client.GET('/api/v1/datasets/{id}', { params: { path: { id } } })),
  });
}

/** Rows as they are stored, and the conversations that they give. */
export function rowsQuery(id: number, offset: number, rows: number) {
  return queryOptions({
    queryKey: [...datasetKey(id), 'rows', offset, rows],
    queryFn: () =>
      bodyOf(client.GET('/api/v1/datasets/{id}/preview', { params: { path: { id }, query: { offset, rows } } })),
    placeholderData: keepPreviousData,
  });
}

/** What it is made of; with tokens where a base model is given. Counted once: until its mapping changes it stays the same. */
export function profileQuery(id: number, baseModel: string | null, maxLength: number) {
  const query = { max_length: maxLength, ...(baseModel === null ? {} : { base_model: baseModel }) };
  return queryOptions({
    queryKey: [...datasetKey(id), 'profile', baseModel, maxLength],
    queryFn: () => bodyOf(client.GET('/api/v1/datasets/{id}/profile', { params: { path: { id }, query } })),
    refetchInterval: untilDone,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
}

/** The tokens of a row as training sees them. */
export function tokensQuery(id: number, asked: TokensAsked) {
  return queryOptions({
    queryKey: [...datasetKey(id), 'tokens', asked],
    queryFn: () => bodyOf(client.GET('/api/v1/datasets/{id}/tokens', { params: { path: { id }, query: asked } })),
    refetchInterval: untilDone,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What a mapping would make of every row. Nothing is changed. */
export function checkQuery(id: number, mapping: Mapping) {
  const body = { mapping: mapping as SentMapping };
  return queryOptions({
    queryKey: [...datasetKey(id), 'check', mapping],
    queryFn: () => bodyOf(client.POST('/api/v1/datasets/{id}/validate', { params: { path: { id } }, body })),
    refetchInterval: untilDone,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The jobs and projects that use it. */
export function usersQuery(id: number, page: number) {
  const query = { page, page_size: USERS_AT_ONCE };
  return queryOptions({
    queryKey: [...datasetKey(id), 'users', page],
    queryFn: () => bodyOf(client.GET('/api/v1/datasets/{id}/users', { params: { path: { id }, query } })),
    placeholderData: keepPreviousData,
  });
}

/** Its name and description, or its mapping, are others from now on. @throws ApiRefusal */
export function changeDataset(
  id: number,
  changes: { name: string; description: string | null } | { mapping: Mapping },
): Promise<Dataset> {
  const body = 'mapping' in changes ? { mapping: changes.mapping as SentMapping } : changes;
  return whenDone(() => bodyOf(client.PATCH('/api/v1/datasets/{id}', { params: { path: { id } }, body })));
}

/** @throws ApiRefusal 409 while a job or project uses it */
export function deleteDataset(id: number): Promise<unknown> {
  return bodyOf(client.DELETE('/api/v1/datasets/{id}', { params: { path: { id } } }));
}

/** Where the file, as it was uploaded, is downloaded from. */
export function datasetFile(id: number): string {
  return `/api/v1/datasets/${id}/download`;
}
