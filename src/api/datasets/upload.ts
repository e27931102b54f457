import type { Context } from 'koa';
import { addDataset } from '../../commands/datasets/add-dataset.ts';
import { withNewFiles } from '../../commands/datasets/storage.ts';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { Dataset } from '../../models/datasets/dataset.ts';
import { durableRename } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import type { Once } from '../http/declaration.ts';
import { check } from '../http/request.ts';
import type { DiskRoom } from './disk-room.ts';
import { presentDataset } from './present.ts';
import { fileLimits, receiveUpload } from './receive.ts';
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
  return await uploads.watch(ctx, (watched) =>
    withNewFiles(env, watched.upload.id, async ({ incoming, parquet, source, beforeRow }) => {
      const { path, originalName, bytes, sha256, form } = await receiveUpload(
        ctx,
        fileLimits(env),
        incoming,
        { ...watched, room },
        (fields) => check(DatasetForm, fields, 'form'),
      );
      const found = await ingestDataset(
        {
          sourcePath: path,
          originalName,
          parquetPath: parquet,
          mapping: form.mapping ?? null,
          onBadRows: form.on_bad_rows,
        },
        watched.beginConverting(originalName),
      );
      const file_path = source(originalName);
      await durableRename(path, file_path);
      /** The row that the database was asked for last. */
      const asked: { row: Dataset | null } = { row: null };
      watched.beginSaving();
      const answer = await once(
        async (transaction) => {
          await beforeRow(transaction);
          asked.row = await addDataset(
            {
              name: form.name,
              description: form.description ?? null,
              filename: originalName,
              file_path,
              parquet_path: parquet,
              file_size: bytes,
              source_sha256: sha256,
              found,
            },
            transaction,
          );
          return presentDataset(asked.row);
        },
        JSON.stringify([form, originalName, bytes, sha256]),
      );
      return { answer, isNamed: isOf(answer, asked.row) };
    }),
  );
}

/** Whether it is this row that was answered with, and not that of another request with the same key. */
function isOf(answer: unknown, row: Dataset | null): boolean {
  return row !== null && typeof answer === 'object' && answer !== null && 'id' in answer && answer.id === row.id;
}
