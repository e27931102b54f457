import { DatasetError } from './dataset-error.ts';

export type SourceKind = 'csv' | 'json' | 'parquet';

/** What may be uploaded, by the end of its name. Content decides the rest: packing, encoding, JSON lines, delimiter. */
const EXTENSIONS: Record<string, SourceKind> = {
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  jsonl: 'json',
  ndjson: 'json',
  parquet: 'parquet',
};

/** @throws DatasetError for a name that tells of no kind that is read. */
export function kindOf(originalName: string): SourceKind {
  const name = originalName.toLowerCase().replace(/\.(gz|zst|zstd)$/, '');
  const kind = EXTENSIONS[name.split('.').at(-1) ?? ''];
  if (!kind) {
    throw new DatasetError(
      `file is named ${JSON.stringify(originalName)}; upload .csv, .tsv, .json, .jsonl, .ndjson or .parquet, plain or with .gz or .zst.`,
    );
  }
  return kind;
}
