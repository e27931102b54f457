import type { Transaction } from 'sequelize';
import type { Converted } from '../../datasets/convert.ts';
import type { DataProcessOptions } from '../../datasets/data-process.ts';
import { DatasetError } from '../../datasets/dataset-error.ts';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import { ingestDataset } from '../../datasets/ingest.ts';
import type { CheckedFile } from '../../datasets/training-file.ts';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import { durableRename } from '../../platform/durable-files.ts';
import { addDataset } from '../datasets/add-dataset.ts';
import type { NewFiles } from '../datasets/storage.ts';
import { newId } from './files.ts';

/** A file that is here as a whole, however it was sent. */
export interface WholeFile {
  /** Where it lies now. */
  path: string;
  filename: string;
  purpose: string;
  bytes: number;
  sha256: string;
  /** So many seconds after it was stored it is deleted; null: never. */
  expiresAfterS: number | null;
}

/**
 * Gives a file its place and its row, and one for training its dataset as well. What cannot be trained on is kept all the same: the
 * fine-tuning job says why.
 * @param save has `write` called in a transaction
 */
export async function storeFile(
  file: WholeFile,
  { parquet, source, beforeRow }: Pick<NewFiles, 'parquet' | 'source' | 'beforeRow'>,
  watching: DataProcessOptions,
  save: (write: (transaction: Transaction) => Promise<OpenAiFile>) => Promise<OpenAiFile>,
): Promise<OpenAiFile> {
  const { filename, purpose, bytes, sha256, expiresAfterS } = file;
  const training = purpose === 'fine-tune' ? await readExamples(file, parquet, watching) : null;
  const path = source(filename);
  await durableRename(file.path, path);
  return await save(async (transaction) => {
    await beforeRow(transaction);
    const id = newId('file-');
    const dataset =
      training?.found &&
      (await addDataset(
        {
          name: filename,
          description: `Uploaded as ${id} by a client of OpenAI.`,
          filename,
          file_path: path,
          parquet_path: parquet,
          file_size: bytes,
          source_sha256: sha256,
          found: training.found,
        },
        transaction,
      ));
    return await OpenAiFile.create(
      {
        id,
        purpose,
        filename,
        bytes,
        sha256,
        path,
        dataset_id: dataset?.id ?? null,
        checked: training?.checked ?? null,
        expires_at: expiresAfterS === null ? null : new Date(Date.now() + expiresAfterS * 1000),
      },
      { transaction },
    );
  });
}

/** Checks the examples of a training file, and makes a dataset of what passes. */
async function readExamples(
  { path, filename }: Pick<WholeFile, 'path' | 'filename'>,
  parquetPath: string,
  watching: DataProcessOptions,
): Promise<{ checked: CheckedFile; found: Converted | null }> {
  const checked = await inDataProcess('checkExamples', { path }, { signal: watching.signal });
  if (checked.fault !== null) return { checked, found: null };
  try {
    // Whatever it is called: it is JSON lines.
    const request = { sourcePath: path, originalName: `${filename}.jsonl`, parquetPath, mapping: null };
    return { checked, found: await ingestDataset(request, watching) };
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    return { checked: { ...checked, fault: { code: 'invalid_training_file', message: error.message } }, found: null };
  }
}
