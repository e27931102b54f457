import type { Context } from 'koa';
import type { Transaction } from 'sequelize';
import { addDataset } from '../../commands/datasets/add-dataset.ts';
import { claimFiles, type NewFiles } from '../../commands/datasets/storage.ts';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Dataset } from '../../models/datasets/dataset.ts';
import { durableRename } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import type { Once } from '../http/declaration.ts';
import { ApiError } from '../http/errors.ts';
import { check } from '../http/request.ts';
import type { DiskRoom } from './disk-room.ts';
import { presentDataset } from './present.ts';
import { receiveUpload } from './receive.ts';
import { DatasetForm } from './schema.ts';
import type { Uploads } from './uploads.ts';

/** What every upload of this process shares. */
export interface UploadDependencies {
  env: Env;
  uploads: Uploads;
  room: DiskRoom;
}

/**
 * Takes a multipart upload to a dataset. The row is written last, when its files are on the disk for good. When anything
 * fails before, the client goes away, the upload is cancelled, or an earlier request with the same key has made the
 * dataset, nothing of it stays behind. When the row's transaction fails, the database may have committed it: its files stay.
 */
export async function uploadDataset(
  ctx: Context,
  { env, uploads, room }: UploadDependencies,
  once: Once,
): Promise<unknown> {
  const watched = uploads.begin(ctx.request.length ?? null);
  ctx.res.once('close', () => watched.cancel(new ApiError(400, 'The client closed the connection.')));
  let files: NewFiles | undefined;
  /** The row that the database was asked for last. */
  const row: { asked: Dataset | 'not known yet' | null } = { asked: null };
  let answer: unknown;
  try {
    files = await claimFiles(env, watched.upload.id);
    const { incoming, parquet, beforeRow } = files;
    const { path, originalName, bytes, sha256, form } = await receiveUpload(
      ctx,
      env,
      incoming,
      { ...watched, room },
      (fields) => check(DatasetForm, fields, 'form'),
    );
    Object.assign(watched.upload, { filename: originalName, phase: 'converting', progressPercent: 0 });
    const found = await ingestDataset(
      {
        sourcePath: path,
        originalName,
        parquetPath: parquet,
        mapping: form.mapping ?? null,
        onBadRows: form.on_bad_rows,
      },
      {
        signal: watched.signal,
        onProgress: (percent) => {
          watched.upload.progressPercent = percent;
        },
      },
    );
    const source = files.source(extensionOf(originalName));
    await durableRename(path, source);
    const create = async (transaction: Transaction) => {
      await beforeRow(transaction);
      row.asked = 'not known yet';
      const dataset = await addDataset(
        {
          name: form.name,
          description: form.description ?? null,
          filename: originalName,
          file_path: source,
          parquet_path: parquet,
          file_size: bytes,
          source_sha256: sha256,
          found,
        },
        transaction,
      );
      row.asked = dataset;
      return presentDataset(dataset);
    };
    watched.beginSaving();
    answer = await once(create, JSON.stringify([form, originalName, bytes, sha256]));
    return answer;
  } finally {
    watched.done();
    if (row.asked === null) await files?.discard();
    else if (isOf(answer, row.asked)) await files?.keep();
    else await files?.leave();
  }
}

/** Whether it is this row that was answered with, and not that of another request with the same key. */
function isOf(answer: unknown, row: Dataset | 'not known yet'): boolean {
  return (
    row !== 'not known yet' && typeof answer === 'object' && answer !== null && 'id' in answer && answer.id === row.id
  );
}

/** With which an upload is kept: its own, and that it is packed. */
export function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.(gz|zst|zstd))?$/)?.[0] ?? '';
}
