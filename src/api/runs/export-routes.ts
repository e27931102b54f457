import { join } from 'node:path';
import { z } from 'zod';
import { askForExport, deleteExport, exportedFile, findExport } from '../../commands/exports/exports.ts';
import { findRun } from '../../commands/runs/owners.ts';
import { Export } from '../../models/exports/export.ts';
import type { Env } from '../../platform/env.ts';
import { runPaths } from '../../runs/run-paths.ts';
import { filePiece, sendDownload } from '../http/download.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import {
  ExportCreate,
  ExportFileParams,
  ExportParams,
  ExportSchema,
  ExportsQuery,
  ExportsSchema,
} from './export-schema.ts';
import { presentExport, presentExports } from './present-export.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { RunQuery } from './schema.ts';

/** The model of a run as files for where models are used. */
export function addRunExports(
  endpoints: Endpoints,
  { kind, path, common, errors: ofRuns }: RunsOfKind,
  env: Env,
): void {
  const one = `${path}/exports/{export_id}` as const;
  const errors = { ...ofRuns, 404: `No such ${kind} or run, or no such export of it` };

  endpoints.add({
    ...common,
    method: 'post',
    path: `${path}/exports`,
    role: 'trainer',
    summary:
      'Have the trained model made into a file for llama.cpp or Ollama, and proven, or pushed to a hub; two requests for one are one export',
    query: RunQuery,
    body: ExportCreate,
    success: {
      status: 201,
      description: 'The export',
      already: 'It is there, on its way, or goes on',
      schema: ExportSchema,
    },
    errors: {
      ...ofRuns,
      400: 'The run has no model, or is of the type rag; or the format does not know, or lacks, what it is asked for with',
    },
    handle: async ({ params: { id }, query, body, ctx }) => {
      const run = await findRun({ kind, id }, query.run);
      const { made, isNew } = await askForExport(run, body, env);
      if (!isNew) ctx.status = 200;
      return await presentExport(run, made);
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/exports`,
    role: 'viewer',
    summary: 'The exports of the trained model, newest first',
    query: ExportsQuery,
    success: { status: 200, description: 'A page of exports', schema: ExportsSchema },
    errors: ofRuns,
    handle: async ({ params: { id }, query: { run: number, ...page } }) => {
      const run = await findRun({ kind, id }, number);
      const where = { run_id: run.id };
      const { rows, count } = await Export.findAndCountAll({ where, order: [['id', 'DESC']], ...limitsOf(page) });
      return pageOf(await presentExports(run, rows), count, page);
    },
  });

  endpoints.add({
    ...common,
    path: one,
    role: 'viewer',
    summary: 'How far an export is, and how it compares with the model',
    params: ExportParams,
    query: RunQuery,
    success: { status: 200, description: 'The export', schema: ExportSchema },
    errors,
    handle: async ({ params: { id, export_id }, query }) => {
      const run = await findRun({ kind, id }, query.run);
      return await presentExport(run, await findExport(run, export_id));
    },
  });

  endpoints.add({
    ...common,
    method: 'delete',
    path: one,
    role: 'trainer',
    summary: 'Delete an export with its files; one that is being made ends',
    params: ExportParams,
    query: RunQuery,
    success: { status: 204, description: 'Deleted' },
    errors,
    handle: async ({ params: { id, export_id }, query }) =>
      await deleteExport(env, await findRun({ kind, id }, query.run), export_id),
  });

  endpoints.add({
    ...common,
    path: `${one}/files/{path}`,
    takesRestOfPath: true,
    role: 'trainer',
    summary: 'One file of an export',
    params: ExportFileParams,
    query: RunQuery,
    success: {
      status: 200,
      description: 'The file',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/octet-stream',
    },
    errors: { ...errors, 400: 'It is not made yet, or has no such file' },
    inRanges: true,
    handle: async ({ params: { id, export_id, path: name }, query, ctx }) => {
      const run = await findRun({ kind, id }, query.run);
      const file = exportedFile(await findExport(run, export_id), name);
      const place = join(runPaths(env, run).exports, String(export_id), file.path);
      const piece = await filePiece(
        place,
        `${name} of export ${export_id} is not there any more: it was moved or deleted.`,
      );
      return sendDownload(ctx, { name: file.path, contentType: 'application/octet-stream', pieces: [piece] });
    },
  });
}
