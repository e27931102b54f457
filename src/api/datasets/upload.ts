import { rename, rm } from 'node:fs/promises';
import type { Context } from 'koa';
import type { Transaction } from 'sequelize';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Env } from '../../env.ts';
import { Dataset } from '../../models/dataset.ts';
import type { Once } from '../endpoint.ts';
import { ApiError } from '../errors.ts';
import { presentDataset } from './present.ts';
import { receiveUpload } from './receive.ts';
import { claimPlaces, type Places } from './storage.ts';
import type { Uploads } from './uploads.ts';

/**
 * Takes a multipart upload to a dataset. The row is written last; when anything fails before, the client goes away, the
 * upload is cancelled, or an earlier request with the same key has made the dataset, nothing of it stays behind.
 */
export async function uploadDataset(ctx: Context, env: Env, uploads: Uploads, once: Once): Promise<unknown> {
  const watched = uploads.begin(ctx.request.length ?? null);
  ctx.res.once('close', () => watched.cancel(new ApiError(400, 'The client closed the connection.')));
  const files: string[] = [];
  let places: Places | null = null;
  let kept = false;
  try {
    const { path, originalName, bytes, form } = await receiveUpload(ctx, env, files, watched);
    Object.assign(watched.upload, { filename: originalName, phase: 'converting', progressPercent: 0 });
    places = await claimPlaces(env, extensionOf(originalName));
    const { source: stored, parquet: parquetPath } = places;
    files.push(stored, parquetPath);
    const found = await ingestDataset(
      { sourcePath: path, originalName, parquetPath, mapping: form.mapping ?? null },
      {
        signal: watched.signal,
        onProgress: (percent) => {
          watched.upload.progressPercent = percent;
        },
      },
    );
    await rename(path, stored);
    const create = async (transaction: Transaction) => {
      const dataset = await Dataset.create(
        {
          name: form.name,
          description: form.description ?? null,
          filename: originalName,
          file_path: stored,
          parquet_path: parquetPath,
          file_type: found.kind,
          file_size: bytes,
          row_count: found.rowCount,
          usable_row_count: found.usableRowCount,
          unusable: found.unusable,
          notes: found.notes,
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
    return await once(create, JSON.stringify([form, originalName, bytes, found.sha256]));
  } catch (error) {
    kept = false;
    throw error;
  } finally {
    watched.done();
    if (!kept) await Promise.all(files.map((path) => rm(path, { force: true })));
    await places?.release();
  }
}

function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.(gz|zst|zstd))?$/)?.[0] ?? '';
}
