import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';
import { ownerKey } from './runs.ts';
import type { RunOwner } from './types.ts';

export type OutputFile = components['schemas']['OutputFiles']['items'][number];

/** What training calls the card of a model. */
export const MODEL_CARD = 'README.md';

/** The files of a run's published model. @throws ApiRefusal 400 while there is none */
export function outputFilesQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'files', run],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/files', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/files', { params })),
  });
}

/** Its model card, in Markdown. @throws ApiRefusal 404 where the file was moved or deleted */
export function modelCardQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id, path: MODEL_CARD }, query: { run } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'files', run, MODEL_CARD],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/files/{path}', { params, parseAs: 'text' }))
        : bodyOf(client.GET('/api/v1/projects/{id}/files/{path}', { params, parseAs: 'text' })),
  });
}

/** Where one file of the model is downloaded from. */
export function outputFile({ kind, id }: RunOwner, run: number, path: string): string {
  return `/api/v1/${kind}s/${id}/files/${path.split('/').map(encodeURIComponent).join('/')}?run=${run}`;
}
