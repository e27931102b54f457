import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'koa';
import type { Transaction } from 'sequelize';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Env } from '../../env.ts';
import { Dataset } from '../../models/dataset.ts';
import type { Once } from '../endpoint.ts';
import { presentDataset } from './present.ts';
import { receiveUpload } from './receive.ts';

/**
 * Takes a multipart upload to a dataset. The row is written last; when anything fails before, or an earlier request with
 * the same key has made the dataset, nothing of the upload stays behind.
 */
export async function uploadDataset(ctx: Context, env: Env, once: Once): Promise<unknown> {
  const files: string[] = [];
  let kept = false;
  try {
    const { path, originalName, bytes, form } = await receiveUpload(ctx, env, files);
    const id = randomUUID();
    const stored = join(env.home, 'uploads', `${id}${extensionOf(originalName)}`);
    const parquetPath = join(env.home, 'datasets', `${id}.parquet`);
    files.push(stored, parquetPath);
    const found = await ingestDataset({
      sourcePath: path,
      originalName,
      parquetPath,
      mapping: form.mapping ?? null,
    });
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
    if (!kept) await Promise.all(files.map((path) => rm(path, { force: true })));
  }
}

function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.gz)?$/)?.[0] ?? '';
}
