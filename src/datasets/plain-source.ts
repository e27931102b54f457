import { readBytes, requireRoom } from '../platform/files.ts';
import { beginsAsJson } from './csv-dialect.ts';
import { DatasetError } from './dataset-error.ts';
import { rowsInOneObject } from './json-shape.ts';
import { plainText } from './plain-text.ts';
import type { SourceKind } from './source-kind.ts';
import { packingOf, unpack } from './unpack.ts';

export interface PlainSource {
  kind: SourceKind;
  path: string;
  notes: string[];
  /** Whether a cell may hold a NUL, which no text in the file showed. */
  mayHaveNul: boolean;
}

/** The source unpacked and as UTF-8, where it is not both already; refused when it is not what its name says. */
export async function plainSource(sourcePath: string, kind: SourceKind, workDir: string): Promise<PlainSource> {
  await requireRoom(workDir, 0);
  const packing = await packingOf(sourcePath);
  const path = packing ? `${workDir}/unpacked` : sourcePath;
  if (packing) await unpack(sourcePath, packing, path);
  const isParquet = (await readBytes(path, 4)).toString('latin1') === 'PAR1';
  if (isParquet !== (kind === 'parquet')) {
    throw new DatasetError(
      isParquet
        ? `file is named as ${kind.toUpperCase()} and holds Parquet. Name it .parquet and upload it again.`
        : 'file is named .parquet and is none: it does not begin as Parquet does. Name it after what it is, or write it again.',
    );
  }
  if (isParquet) return { kind, path, notes: [], mayHaveNul: true };
  const text = await plainText(path, `${workDir}/text`);
  const inObject = kind === 'json' ? await rowsInOneObject(text.path, `${workDir}/rows`) : null;
  if (inObject !== null) {
    const notes = [...text.notes, inObject];
    return { kind, path: `${workDir}/rows`, notes, mayHaveNul: text.hasNulEscape };
  }
  if (kind === 'csv' && (await beginsAsJson(text.path)))
    throw new DatasetError('file is named as CSV and holds JSON. Name it .json or .jsonl and upload it again.');
  return { kind, path: text.path, notes: text.notes, mayHaveNul: kind === 'json' && text.hasNulEscape };
}
