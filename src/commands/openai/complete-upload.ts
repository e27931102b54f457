import type { Transaction } from 'sequelize';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import { isOpen, OpenAiUpload, type OpenAiUploadPart } from '../../models/openai/openai-upload.ts';
import { connection } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { partsInOrder } from './upload-parts.ts';
import { findOpenUpload, findUpload, removeParts, whyEnded } from './uploads.ts';

/** A file takes three hours at most to become a dataset (data-process.ts), beside the time to put it together. */
const COMPLETING_MS = 4 * 3_600_000;

/** An upload that was completed, and what came of it. */
export interface CompletedUpload {
  upload: OpenAiUpload;
  file: OpenAiFile;
}

type Save = (write: (transaction: Transaction) => Promise<OpenAiFile>) => Promise<OpenAiFile>;

/**
 * Has `make` put the parts of an upload together to a file, whose row is written by the transaction that completes the upload: whoever else
 * completes or cancels it meanwhile comes before or is refused. Asked the same again, the answer is the same file. An attempt that
 * fails leaves the upload and its parts to another one.
 * @param fingerprint of what is asked for
 * @throws NotFoundError; ConflictError for one that has ended otherwise; UserError for parts that make no such file; what `make` does
 */
export async function completeUpload(
  { id, partIds, fingerprint }: { id: string; partIds: string[]; fingerprint: string },
  env: Env,
  make: (upload: OpenAiUpload, parts: OpenAiUploadPart[], save: Save) => Promise<OpenAiFile>,
): Promise<CompletedUpload> {
  const earlier = await completedBy(id, fingerprint);
  if (earlier) return earlier;
  let file: OpenAiFile;
  try {
    const upload = await findOpenUpload(id);
    const parts = await partsInOrder(upload, partIds);
    await setCompleting(id, new Date(Date.now() + COMPLETING_MS));
    file = await make(upload, parts, (write) => saveCompleted(id, fingerprint, write));
  } catch (error) {
    // Another process may have been faster, or the answer to our COMMIT was lost.
    const completed = await completedBy(id, fingerprint);
    if (completed) return completed;
    await setCompleting(id, null);
    throw error;
  }
  await removeParts(id, env);
  return { upload: await findUpload(id), file };
}

/** What came of an upload that this request has completed; null for one that is not completed. @throws ConflictError for one of another request */
async function completedBy(id: string, fingerprint: string): Promise<CompletedUpload | null> {
  const upload = await findUpload(id);
  if (upload.status !== 'completed') return null;
  const file = upload.fingerprint === fingerprint ? await OpenAiFile.findByPk(upload.file_id ?? '') : null;
  if (!file) throw whyEnded(upload);
  return { upload, file };
}

/** Until then the upload does not expire. @throws ConflictError for one that has ended */
async function setCompleting(id: string, completing_until: Date | null): Promise<void> {
  const [open] = await OpenAiUpload.update({ completing_until }, { where: { id, ...isOpen() } });
  if (open === 0) throw whyEnded(await findUpload(id));
}

async function saveCompleted(id: string, fingerprint: string, write: Parameters<Save>[0]): Promise<OpenAiFile> {
  return await connection().transaction(async (transaction) => {
    const upload = await OpenAiUpload.findOne({ where: { id, ...isOpen() }, transaction, lock: true });
    if (!upload) throw whyEnded(await findUpload(id));
    const file = await write(transaction);
    await upload.update({ status: 'completed', file_id: file.id, fingerprint }, { transaction });
    return file;
  });
}
