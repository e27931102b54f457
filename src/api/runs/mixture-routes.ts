import { join } from 'node:path';
import { z } from 'zod';
import { findRun } from '../../commands/runs/owners.ts';
import { inReader } from '../../datasets/in-data-process.ts';
import type { Env } from '../../platform/env.ts';
import { requireFile, sendDownload } from '../http/download.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { findMixture, mixtureFile, mixtureIsGone } from './files.ts';
import { MixtureFileQuery, MixtureQuery, MixtureSchema } from './mixture-schema.ts';
import type { RunsOfKind } from './runs-of-kind.ts';

/** The rows that a run trains on. */
export function addRunMixture(endpoints: Endpoints, { kind, path, common, errors }: RunsOfKind, env: Env): void {
  const mixtureErrors = { ...errors, 404: `No such ${kind} or run, or its data is not prepared yet` };
  endpoints.add({
    ...common,
    path: `${path}/mixture`,
    role: 'viewer',
    summary: 'The rows that a run trains on, in their order, and where they come from',
    query: MixtureQuery,
    success: { status: 200, description: 'Rows, and the manifest of all of them', schema: MixtureSchema },
    errors: mixtureErrors,
    handle: async ({ params: { id }, query: { run: number, part, offset, rows } }) => {
      const run = await findRun({ kind, id }, number);
      const { dir, manifest } = await findMixture(env, run);
      await requireFile(join(dir, manifest[part].file), mixtureIsGone(run));
      const items = await inReader('mixtureRows', { dir, part, offset, count: rows });
      return {
        run_number: run.number,
        part,
        total: manifest[part].rows,
        sha256: manifest[part].sha256,
        manifest,
        items,
      };
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/mixture/download`,
    role: 'trainer',
    summary: 'The rows that a run trains on, as Parquet',
    query: MixtureFileQuery,
    success: {
      status: 200,
      description: 'The file',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/vnd.apache.parquet',
    },
    errors: mixtureErrors,
    inRanges: true,
    handle: async ({ params: { id }, query: { run: number, part }, ctx }) => {
      const run = await findRun({ kind, id }, number);
      return sendDownload(ctx, await mixtureFile(env, run, part));
    },
  });
}
