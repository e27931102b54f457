import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'koa';
import type { Transaction } from 'sequelize';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Env } from '../../env.ts';
import { Dataset } from '../../models/dataset.ts';
import type { Once } from '../endpoint.ts';
import { ApiError } from '../errors.ts';
import { presentDataset } from './present.ts';
import { receiveUpload } from './receive.ts';
import { claimPlaces, incomingDir, type Places } from './storage.ts';
import type { Uploads } from './uploads.ts';

/**
 * Takes a multipart upload to a dataset. The row is written last; when anything fails before, the client goes away, the
 * upload is cancelled, or an earlier request with the same key has made the dataset, nothing of it stays behind.
 */
export async function uploadDataset(ctx: Context, env: Env, uploads: Uploads, once: Once): Promise<unknown> {
  const watched = uploads.begin(ctx.request.length ?? null);
  ctx.res.once('close', () => watched.cancel(new ApiError(400, 'The client closed the connection.')));
  // A folder of its own: what is still being opened when it is removed then finds no place.
  const dir = join(incomingDir(env), watched.upload.id);
  let places: Places | null = null;
  let kept = false;
  try {
    await mkdir(dir, { recursive: true });
    const { path, originalName, bytes, sha256, form } = await receiveUpload(ctx, env, dir, watched);
    Object.assign(watched.upload, { filename: originalName, phase: 'converting', progressPercent: 0 });
    places = await claimPlaces(env, extensionOf(originalName));
    const { source: stored, parquet: parquetPath } = places;
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
          source_sha256: sha256,
        },
        { transaction },
      );
      kept = true;
      return presentDataset(dataset);
    };
    return await once(create, JSON.stringify([form, originalName, bytes, sha256]));
  } catch (error) {
    kept = false;
    throw error;
  } finally {
    watched.done();
    await rm(dir, { recursive: true, force: true });
    if (places && !kept) await Promise.all([places.source, places.parquet].map((path) => rm(path, { force: true })));
    await places?.release();
  }
}

function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.(gz|zst|zstd))?$/)?.[0] ?? '';
}
