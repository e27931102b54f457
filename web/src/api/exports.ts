import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';
import { ownerKey } from './runs.ts';
import type { RunOwner } from './types.ts';

const OPEN_EVERY_MS = 1_000;

export type Export = components['schemas']['Export'];
export type NewExport = components['schemas']['ExportCreate'];

export const QUANTIZATIONS = ['f16', 'q8_0', 'q6_k', 'q5_k_m', 'q4_k_m'] as const;

/** What a model is exported as without more choices, in words. */
export const OTHER_FORMATS = [
  { format: 'gguf_adapter', text: 'Adapter as GGUF' },
  { format: 'merged_4bit', text: 'Model in 4 bits (bitsandbytes)' },
] as const;

/** What of the model an export is, in a word. */
export function nameOf({ format, quantization, repository }: Export): string {
  return [format, quantization ?? repository].filter(Boolean).join(' ');
}

export function isOpen({ status }: Export): boolean {
  return status === 'pending' || status === 'running';
}

export function exportsKey(owner: RunOwner, run: number) {
  return [...ownerKey(owner), 'exports', run];
}

/** The exports of a run's model, newest first. */
export function exportsQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run, page_size: 50 } };
  return queryOptions({
    queryKey: exportsKey(owner, run),
    queryFn: async () =>
      owner.kind === 'job'
        ? (await bodyOf(client.GET('/api/v1/jobs/{id}/exports', { params }))).items
        : (await bodyOf(client.GET('/api/v1/projects/{id}/exports', { params }))).items,
    refetchInterval: ({ state: { data } }) => (data?.some(isOpen) ? OPEN_EVERY_MS : false),
  });
}

/** Asks for an export; what is asked for twice is one. @throws ApiRefusal */
export function askForExport(owner: RunOwner, run: number, body: NewExport): Promise<Export> {
  const params = { path: { id: owner.id }, query: { run } };
  return owner.kind === 'job'
    ? bodyOf(client.POST('/api/v1/jobs/{id}/exports', { params, body }))
    : bodyOf(client.POST('/api/v1/projects/{id}/exports', { params, body }));
}

/** Removes an export with its files; one that is being made ends. @throws ApiRefusal */
export async function deleteExport(owner: RunOwner, run: number, id: number): Promise<void> {
  const params = { path: { id: owner.id, export_id: id }, query: { run } };
  await (owner.kind === 'job'
    ? bodyOf(client.DELETE('/api/v1/jobs/{id}/exports/{export_id}', { params }))
    : bodyOf(client.DELETE('/api/v1/projects/{id}/exports/{export_id}', { params })));
}

/** Where a file of an export is downloaded from. */
export function exportedFile({ kind, id }: RunOwner, run: number, exportId: number, path: string): string {
  return `/api/v1/${kind}s/${id}/exports/${exportId}/files/${encodeURIComponent(path)}?run=${run}`;
}
