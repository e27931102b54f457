import type { Context } from 'koa';
import { addDataset } from '../../../commands/datasets/add-dataset.ts';
import { claimFiles, type NewFiles } from '../../../commands/datasets/storage.ts';
import { newId } from '../../../commands/openai/files.ts';
import type { Converted } from '../../../datasets/convert.ts';
import { DatasetError } from '../../../datasets/dataset-error.ts';
import { inDataProcess } from '../../../datasets/in-data-process.ts';
import { ingestDataset } from '../../../datasets/ingest.ts';
import type { CheckedFile } from '../../../datasets/training-file.ts';
import { OpenAiFile } from '../../../models/openai/openai-file.ts';
import { connection } from '../../../models/runs/run.ts';
import { durableRename } from '../../../platform/durable-files.ts';
import { type ReceivedUpload, receiveUpload } from '../../datasets/receive.ts';
import { extensionOf, type UploadDependencies } from '../../datasets/upload.ts';
import { ApiError } from '../../http/errors.ts';
import { check } from '../../http/request.ts';
import { FileForm } from './schema.ts';

/**
 * Takes a multipart upload to a file, and one for training to a dataset as well. What cannot be trained on is kept all the same:
 * the fine-tuning job says why. As with datasets, nothing of an upload stays that did not come to its end.
 */
export async function uploadFile(ctx: Context, { env, uploads, room }: UploadDependencies): Promise<OpenAiFile> {
  const watched = uploads.begin(ctx.request.length ?? null);
  ctx.res.once('close', () => watched.cancel(new ApiError(400, 'The client closed the connection.')));
  let files: NewFiles | undefined;
  let isAsked = false;
  let file: OpenAiFile | undefined;
  try {
    const claimed = await claimFiles(env, watched.upload.id);
    files = claimed;
    const received = await receiveUpload(ctx, env, claimed.incoming, { ...watched, room }, (fields) =>
      check(FileForm, fields, 'form'),
    );
    Object.assign(watched.upload, { filename: received.originalName, phase: 'converting', progressPercent: 0 });
    const training = received.form.purpose === 'fine-tune' ? await readExamples(received, claimed, watched) : null;
    const path = claimed.source(extensionOf(received.originalName));
    await durableRename(received.path, path);
    watched.beginSaving();
    file = await connection().transaction(async (transaction) => {
      await claimed.beforeRow(transaction);
      isAsked = true;
      const id = newId('file-');
      const { originalName: filename, bytes, sha256, form } = received;
      const dataset =
        training?.found &&
        (await addDataset(
          {
            name: filename,
            description: `Uploaded as ${id} by a client of OpenAI.`,
            filename,
            file_path: path,
            parquet_path: claimed.parquet,
            file_size: bytes,
            source_sha256: sha256,
            found: training.found,
          },
          transaction,
        ));
      return await OpenAiFile.create(
        {
          id,
          purpose: form.purpose,
          filename,
          bytes,
          sha256,
          path,
          dataset_id: dataset?.id ?? null,
          checked: training?.checked ?? null,
          expires_at: form.expiresAfterS === null ? null : new Date(Date.now() + form.expiresAfterS * 1000),
        },
        { transaction },
      );
    });
    return file;
  } finally {
    watched.done();
    if (file) await files?.keep();
    else if (isAsked) await files?.leave();
    else await files?.discard();
  }
}

/** Checks the examples of a training file, and makes a dataset of what passes. */
async function readExamples(
  { path, originalName }: Pick<ReceivedUpload<unknown>, 'path' | 'originalName'>,
  { parquet }: NewFiles,
  { signal, upload }: { signal: AbortSignal; upload: { progressPercent: number } },
): Promise<{ checked: CheckedFile; found: Converted | null }> {
  const checked = await inDataProcess('checkExamples', { path }, { signal });
  if (checked.fault !== null || checked.format === 'preference') return { checked, found: null };
  try {
    const found = await ingestDataset(
      // Whatever it is called: it is JSON lines.
      { sourcePath: path, originalName: `${originalName}.jsonl`, parquetPath: parquet, mapping: null },
      {
        signal,
        onProgress: (percent) => {
          upload.progressPercent = percent;
        },
      },
    );
    return { checked, found };
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    return { checked: { ...checked, fault: { code: 'invalid_training_file', message: error.message } }, found: null };
  }
}
