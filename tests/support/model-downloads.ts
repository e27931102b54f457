import { randomFillSync } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../../src/platform/env.ts';
import { COMPLETE, safetensors } from './base-models.ts';
import { type ApiClient, until } from './service.ts';
import { tinyModel } from './tiny-models.ts';

/** A row of GET /model-downloads/. */
export interface ShownDownload {
  id: number;
  commit: string | null;
  status: string;
  bytes_done: number;
  bytes_total: number | null;
  files_done: number;
  files_total: number | null;
  waiting_for: string | null;
  error_message: string | null;
  license: string | null;
}

/** The files of a model whose weights have about so many bytes, each another one: a byte in a wrong place is another model. */
export function filesOf(weightBytes: number): Record<string, string | Buffer> {
  const weights = safetensors({ weight: [Math.ceil(weightBytes / 4)] });
  const header = 8 + Number(weights.readBigUInt64LE());
  randomFillSync(weights, header);
  return { ...COMPLETE, 'README.md': '---\nlicense: apache-2.0\n---\n# Model\n', 'model.safetensors': weights };
}

/** The files of a model that can be trained, as a hub has them. */
export async function tinyModelFiles(env: Env): Promise<Record<string, Buffer>> {
  const directory = await tinyModel(env);
  const names = await readdir(directory);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)),
  );
}

/** Downloads, as users of an API ask for them. */
export function downloadsOf({ call }: Pick<ApiClient, 'call'>) {
  const get = async (id: number) => (await call('GET', `/model-downloads/${id}`)).body as unknown as ShownDownload;
  const reached = (what: string, id: number, is: (download: ShownDownload) => boolean, timeoutMs?: number) =>
    until(
      `download ${id} to be ${what}`,
      async () => {
        const download = await get(id);
        if (is(download)) return download;
        if (download.status === 'failed') throw new Error(`Download ${id} failed: ${download.error_message}`);
        return null;
      },
      timeoutMs,
    );
  return {
    get,
    reached,
    add: async (name: string, more: object = {}) => await call('POST', '/models/', { name, ...more }),
    act: (id: number, action: 'pause' | 'resume' | 'cancel') => call('POST', `/model-downloads/${id}/${action}`),
    ended: (id: number, status: string) => reached(status, id, (download) => download.status === status),
  };
}
