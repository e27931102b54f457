import type { z } from 'zod';
import type { ExportSchema } from '../../src/api/runs/export-schema.ts';
import { type ApiClient, until } from './service.ts';

const PATIENCE_MS = 120_000;

type Export = z.infer<typeof ExportSchema>;

/** What tests do with the exports of a run. @param path of their list */
export function exportsOf({ call }: Pick<ApiClient, 'call'>, path: string) {
  const get = async (id: number) => (await call('GET', `${path}/${id}`)).body as unknown as Export;
  const look = async (id: number) => {
    const now = await get(id);
    return ['completed', 'failed'].includes(now.status) ? now : null;
  };
  return { get, ended: (id: number) => until(`export ${id} to end`, () => look(id), PATIENCE_MS) };
}
