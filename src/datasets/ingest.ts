import { fork } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DatasetError } from './dataset-error.ts';
import { kindOf, type SourceKind } from './normalise.ts';
import type { Mapping } from './row-format.ts';

/** What a file turned out to be. */
export interface IngestedDataset {
  kind: SourceKind;
  columns: string[];
  /** How rows become conversations; null when it was not given and no known names of columns were found. */
  mapping: Mapping | null;
  rowCount: number;
  usableRowCount: number;
  /** The first row that gives no conversation, and why. */
  firstUnusable: string | null;
  /** Of the canonical Parquet. */
  sha256: string;
}

export interface IngestRequest {
  sourcePath: string;
  originalName: string;
  parquetPath: string;
  mapping: Mapping | null;
}

export type IngestReply = { ok: IngestedDataset } | { refused: string };

const CHILD = fileURLToPath(new URL('./ingest-child.ts', import.meta.url));

/**
 * Reads an uploaded file once into its canonical Parquet, which appears under its name only when it is whole.
 * @throws DatasetError with a sentence for the user; nothing is left behind.
 */
export async function ingestDataset(request: IngestRequest): Promise<IngestedDataset> {
  kindOf(request.originalName);
  const partial = `${request.parquetPath}.partial`;
  try {
    const reply = await inChild({ ...request, parquetPath: partial });
    if ('refused' in reply) throw new DatasetError(reply.refused);
    await rename(partial, request.parquetPath);
    return reply.ok;
  } finally {
    await Promise.all([partial, `${partial}.text`].map((path) => rm(path, { force: true })));
  }
}

function inChild(request: IngestRequest): Promise<IngestReply> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, [], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('message', (reply) => resolve(reply as IngestReply));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`The conversion of the upload ended with ${signal ?? `code ${code}`}.`)),
    );
    child.send(request);
  });
}
