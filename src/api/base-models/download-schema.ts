import { z } from 'zod';
import { DOWNLOAD_STATUSES } from '../../models/base-models/model-download.ts';
import { dateField, examplePage, idField, nameField, pageOf, pageQuery } from '../http/shared-schema.ts';

const text = z.string().nullable();
const count = z.int().min(0);

export const ModelAdd = z
  .strictObject({
    name: nameField.openapi({
      description: 'ORG/NAME on the Hugging Face hub, or on the mirror that HF_ENDPOINT names',
    }),
    revision: nameField.default('main').openapi({ description: 'A branch, a tag or a commit' }),
    host: nameField.optional().openapi({
      description: 'Into whose cache; may be left out where there is one host',
    }),
  })
  .openapi('ModelAdd', { example: { name: 'Qwen/Qwen3-0.6B', revision: 'main' } });

const EXAMPLE = {
  id: 1,
  name: 'Qwen/Qwen3-0.6B',
  revision: 'main',
  commit: 'c1899de289a04d12100db370d81485cdf75e47ca',
  host: 'gpu-1',
  status: 'running' as const,
  bytes_total: 1_519_238_000,
  bytes_done: 421_000_000,
  files_total: 9,
  files_done: 8,
  waiting_for: null,
  error_message: null,
  license: 'apache-2.0',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:01:00Z',
  finished_at: null,
};

export const ModelDownloadSchema = z
  .object({
    id: idField,
    name: z.string(),
    revision: z.string().openapi({ description: 'As it was asked for' }),
    commit: text.openapi({ description: 'Of that revision; null until the hub has said it' }),
    host: z.string(),
    status: z.enum(DOWNLOAD_STATUSES),
    bytes_total: count
      .nullable()
      .openapi({ description: 'Of all files that are taken; null until the hub has said it' }),
    bytes_done: count.openapi({ description: 'Of those, how many are on the disk' }),
    files_total: count.nullable(),
    files_done: count.openapi({ description: 'Whole, and with the hash that the hub says' }),
    waiting_for: text.openapi({ description: 'Why it does not go on now, though it has not failed' }),
    error_message: text.openapi({ description: 'Why it failed, and what to do' }),
    license: text.openapi({ description: 'As the model card says it' }),
    created_at: dateField,
    updated_at: dateField,
    finished_at: dateField.nullable(),
  })
  .openapi('ModelDownload', { example: EXAMPLE });

export const ModelDownloadListQuery = pageQuery(10).extend({
  status: z.enum(DOWNLOAD_STATUSES).optional(),
});

export const ModelDownloadListSchema = pageOf(ModelDownloadSchema).openapi('ModelDownloadList', {
  example: examplePage(EXAMPLE),
});
