import { z } from 'zod';
import { findOutput } from '../../commands/versions/find-output.ts';
import { sendDownload } from '../http/download.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { archiveOutput, outputFile, outputFiles } from './files.ts';
import { OutputFileParams, OutputFilesSchema } from './output-schema.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { OutputQuery } from './schema.ts';

const bytesOf = (description: string, contentType: string) =>
  ({
    status: 200,
    description,
    schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
    contentType,
  }) as const;

/** The model that a run published: as a whole, and file by file. */
export function addRunOutput(endpoints: Endpoints, { kind, path, common, errors: ofRuns }: RunsOfKind): void {
  const errors = { ...ofRuns, 400: 'The run has no output' };

  endpoints.add({
    ...common,
    path: `${path}/files`,
    role: 'viewer',
    summary: 'The files of the trained model, with their sizes and hashes',
    query: OutputQuery,
    success: { status: 200, description: 'The files, as training wrote them', schema: OutputFilesSchema },
    errors,
    handle: async ({ params: { id }, query }) => {
      const run = await findOutput({ kind, id }, query.run);
      return { run_number: run.number, items: outputFiles(run) };
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/files/{path}`,
    takesRestOfPath: true,
    role: 'trainer',
    summary: 'One file of the trained model, such as README.md, its model card',
    params: OutputFileParams,
    query: OutputQuery,
    success: bytesOf('The file', 'application/octet-stream'),
    errors: { ...errors, 404: `No such ${kind} or run, or the model has no such file` },
    inRanges: true,
    handle: async ({ params: { id, path: file }, query, ctx }) =>
      sendDownload(ctx, await outputFile(await findOutput({ kind, id }, query.run), file)),
  });

  endpoints.add({
    ...common,
    path: `${path}/download`,
    role: 'trainer',
    summary: 'The trained model, as a tar archive',
    query: OutputQuery,
    success: bytesOf('The archive', 'application/x-tar'),
    errors,
    inRanges: true,
    handle: async ({ params: { id }, query, ctx }) =>
      sendDownload(ctx, await archiveOutput(await findOutput({ kind, id }, query.run))),
  });
}
