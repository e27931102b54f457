import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Context } from 'koa';
import { koaBody } from 'koa-body';
import type { Transaction } from 'sequelize';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Env } from '../../env.ts';
import { Dataset } from '../../models/dataset.ts';
import type { Once } from '../endpoint.ts';
import { ApiError } from '../errors.ts';
import { check } from '../request.ts';
import { presentDataset } from './present.ts';
import { DatasetForm } from './schema.ts';

/** Where uploads arrive. What is left there at a start was broken off. */
function incomingDir(env: Env): string {
  return join(env.home, 'uploads', 'incoming');
}

export async function sweepIncoming(env: Env): Promise<void> {
  await rm(incomingDir(env), { recursive: true, force: true });
  await mkdir(incomingDir(env), { recursive: true });
  await mkdir(join(env.home, 'datasets'), { recursive: true });
}

/**
 * Takes a multipart upload to a dataset. The row is written last; when anything fails before, or an earlier request with
 * the same key has made the dataset, nothing of the upload stays behind.
 */
export async function uploadDataset(ctx: Context, env: Env, once: Once): Promise<unknown> {
  const files: string[] = [];
  let kept = false;
  try {
    const { upload, form } = await receive(ctx, env, files);
    const id = randomUUID();
    const originalName = basename((upload.originalFilename ?? '').replaceAll('\\', '/'));
    const stored = join(env.home, 'uploads', `${id}${extensionOf(originalName)}`);
    const parquetPath = join(env.home, 'datasets', `${id}.parquet`);
    files.push(stored, parquetPath);
    const found = await ingestDataset({
      sourcePath: upload.filepath,
      originalName,
      parquetPath,
      mapping: form.mapping ?? null,
    });
    await rename(upload.filepath, stored);
    const create = async (transaction: Transaction) => {
      const dataset = await Dataset.create(
        {
          name: form.name,
          description: form.description ?? null,
          filename: originalName,
          file_path: stored,
          parquet_path: parquetPath,
          file_type: found.kind,
          file_size: upload.size,
          row_count: found.rowCount,
          usable_row_count: found.usableRowCount,
          column_count: found.columns.length,
          columns: found.columns,
          mapping: found.mapping,
          sha256: found.sha256,
        },
        { transaction },
      );
      kept = true;
      return presentDataset(dataset);
    };
    return await once(create, JSON.stringify([form, originalName, upload.size, found.sha256]));
  } catch (error) {
    kept = false;
    throw error;
  } finally {
    if (!kept) await Promise.all(files.map((path) => rm(path, { force: true })));
  }
}

/** Streams the form's file to disk. Its path is put into `files` so that it is removed when something fails. */
async function receive(ctx: Context, env: Env, files: string[]) {
  if (!ctx.is('multipart/form-data')) {
    throw new ApiError(
      415,
      `Content-Type is ${JSON.stringify(ctx.get('Content-Type'))}; send the file as multipart/form-data.`,
    );
  }
  const parse = koaBody({
    multipart: true,
    json: false,
    text: false,
    urlencoded: false,
    formidable: {
      uploadDir: incomingDir(env),
      maxFileSize: env.maxUploadBytes,
      maxTotalFileSize: env.maxUploadBytes,
      maxFiles: 1,
      maxFields: 10,
      allowEmptyFiles: true,
      minFileSize: 0,
      onFileBegin: (_name, file) => void files.push(file.filepath),
    },
  });
  try {
    await parse(ctx, async () => {});
  } catch (error) {
    const code = error instanceof Error && 'httpCode' in error ? error.httpCode : null;
    if (code === 413)
      throw new ApiError(
        413,
        `The upload is larger than ${env.maxUploadBytes} bytes (MTM_MAX_UPLOAD_BYTES). Send a smaller file.`,
      );
    throw new ApiError(422, `The form does not read: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const form = check(DatasetForm, ctx.request.body ?? {}, 'form');
  const { file, ...others } = ctx.request.files ?? {};
  const [upload] = [file].flat();
  if (!upload?.originalFilename)
    throw new ApiError(422, 'file is required: send the CSV or JSON file in the form field "file".');
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new ApiError(422, `Unknown form field ${JSON.stringify(unknown)}; the file goes into "file".`);
  return { upload, form };
}

function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.gz)?$/)?.[0] ?? '';
}
