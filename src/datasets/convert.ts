import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isDiskFull, readBytes, sha256OfFile } from '../platform/files.ts';
import { noteTexts } from './conversations.ts';
import { countRows, type RowCounts } from './count-rows.ts';
import { readCsv, readGoodCsvRows } from './csv.ts';
import { DatasetError } from './dataset-error.ts';
import { type Detected, detectMapping } from './detect-mapping.ts';
import { withDuckDb } from './duckdb.ts';
import { type BadRows, badRowsNote, type OnBadRows, requireMostGood } from './good-rows.ts';
import { goodJsonRows, readJson } from './json.ts';
import { conversationsOfTrees, isMessageTree } from './message-trees.ts';
import { readParquet } from './parquet.ts';
import { type PlainSource, plainSource } from './plain-source.ts';
import { lineEnds } from './plain-text.ts';
import { withProgress } from './progress.ts';
import { LONGEST_ROW_BYTES, type Reading, RowTooLong } from './reading.ts';
import { checkMapping, type Mapping } from './rows/mapping.ts';
import { kindOf, type SourceKind } from './source-kind.ts';
import { identifier, literal } from './sql.ts';
import { watchRows } from './watched-rows.ts';

export interface ConvertRequest {
  sourcePath: string;
  originalName: string;
  parquetPath: string;
  /** A folder for what lies around in between; whoever asks removes it. */
  workDir: string;
  mapping: Mapping | null;
  /** Default: refuse. */
  onBadRows?: OnBadRows | undefined;
}

/** What a file turned out to be. */
export interface Converted extends RowCounts {
  kind: SourceKind;
  columns: string[];
  /** How rows become conversations; null when none was given and none fits. */
  mapping: Mapping | null;
  /** Others that fit as well. */
  alternatives: Mapping[];
  /** Of the canonical Parquet. */
  sha256: string;
  /** What was done to the file so that it could be read, as sentences. */
  notes: string[];
}

const MEMORY = '256MB';
/** For rows that are longer than those of most files. */
const MORE_MEMORY = '1GB';
/** Fewer than DuckDB's own: measured faster, in half the memory. Fewer still for long rows, since a group is in memory. */
const MOST_GROUP_ROWS = 10_240;
const LEAST_GROUP_ROWS = 2048;
const GROUP_BYTES = 16 * 1024 ** 2;

/** Reads a source file once into its canonical Parquet: one text column per column, rows in their order. */
export async function convert(request: ConvertRequest, onProgress: (percent: number) => void): Promise<Converted> {
  const { sourcePath, originalName, parquetPath, workDir, onBadRows = 'refuse' } = request;
  const source = await plainSource(sourcePath, kindOf(originalName), workDir);
  const folders = [workDir, dirname(source.path), dirname(parquetPath)];
  return await withDuckDb({ memory: MEMORY, folders }, async (connection) => {
    const { reading, detected, usableTexts } = await withProgress(connection, onProgress, () =>
      readRows(connection, source, {
        mapping: request.mapping,
        parquetPath,
        goodRowsPath: onBadRows === 'skip' ? `${workDir}/good` : null,
      }),
    );
    if (source.mayHaveNul) await refuseNul(connection, parquetPath, reading.columns);
    const treeNotes = detected === null ? await readTrees(connection, parquetPath, reading) : [];
    const { mapping, alternatives, note } =
      detected ?? (await mappingOf(connection, `read_parquet(${literal(parquetPath)})`, request.mapping));
    const [counts, sha256] = await Promise.all([
      usableTexts ?? countRows(connection, parquetPath, mapping),
      sha256OfFile(parquetPath),
    ]);
    if (usableTexts !== null && mapping) await noteTexts({ parquetPath, mapping });
    if (counts.rowCount === 0)
      throw new DatasetError('file has no rows beside its header. Upload one with at least one row.');
    const { kind } = source;
    const { columns } = reading;
    const notes = [...source.notes, ...(reading.notes ?? []), ...treeNotes];
    return { kind, columns, mapping, alternatives, ...counts, sha256, notes: note === null ? notes : [...notes, note] };
  });
}

type Reader = (connection: DuckDBConnection, path: string, longestRowBytes: number) => Promise<Reading>;

const READERS: Record<SourceKind, Reader> = {
  csv: (_connection, path, longestRowBytes) => readCsv(path, longestRowBytes),
  json: readJson,
  parquet: readParquet,
};

interface Writing {
  /** Null: it is to be found. */
  mapping: Mapping | null;
  parquetPath: string;
  /** Where rows go that can be read, where others are left out. */
  goodRowsPath: string | null;
}

interface Written {
  reading: Reading;
  /** Null for messages that answer each other: their mapping is that of what they become. */
  detected: Detected | null;
  /** Of rows that turned out to be texts, all of them usable, while they were written; null: they are to be looked at. */
  usableTexts: RowCounts | null;
}

/** Writes the canonical Parquet; again without the rows that cannot be read, where these are to be left out. */
async function readRows(connection: DuckDBConnection, source: PlainSource, writing: Writing): Promise<Written> {
  const { goodRowsPath, parquetPath } = writing;
  try {
    return await readSource(connection, source, writing, READERS[source.kind]);
  } catch (error) {
    if (goodRowsPath === null || source.kind === 'parquet' || !(error instanceof DatasetError)) throw error;
    if (error instanceof RowTooLong) throw error;
  }
  if (source.kind === 'csv') {
    const written = await readSource(connection, source, writing, (_connection, path, longest) =>
      readGoodCsvRows(path, longest),
    );
    const bad = (await written.reading.leftOut?.(connection)) ?? null;
    if (bad) requireMostGood((await countRows(connection, parquetPath, null)).rowCount, bad);
    return withNote(written, bad);
  }
  const bad = await goodJsonRows(source.path, goodRowsPath);
  return withNote(await readSource(connection, { ...source, path: goodRowsPath }, writing, readJson), bad);
}

function withNote({ reading, ...written }: Written, bad: BadRows | null): Written {
  const notes = [...(reading.notes ?? []), ...(bad ? [badRowsNote(bad)] : [])];
  return { ...written, reading: { ...reading, notes } };
}

/** Writes the canonical Parquet; once more, for longer rows, when a row is longer than those of most files. */
async function readSource(
  connection: DuckDBConnection,
  source: PlainSource,
  { mapping, parquetPath }: Writing,
  read: Reader,
): Promise<Written> {
  const [most, evenMore] = LONGEST_ROW_BYTES;
  const written = async (reading: Reading): Promise<Written> => {
    try {
      checkColumns(reading.columns, mapping);
      const isTree = isMessageTree(reading.columns);
      const detected = isTree ? null : await mappingOf(connection, `(${reading.select})`, mapping);
      const usableTexts = await writeParquet(connection, { reading, detected }, source, parquetPath);
      return { reading, detected, usableTexts };
    } catch (error) {
      if (isDiskFull(error)) throw error;
      if (!reading.thorough) throw error instanceof DatasetError ? error : await reading.explain(error, connection);
    }
    return await written(await reading.thorough());
  };
  const attempt = async (longestRowBytes: number) =>
    await written(await read(connection, source.path, longestRowBytes));
  return await attempt(most).catch(async (error) => {
    if (!(error instanceof RowTooLong)) throw error;
    await connection.run(`SET memory_limit = '${MORE_MEMORY}'`);
    await connection.run('SET threads = 1');
    return await attempt(evenMore);
  });
}

async function mappingOf(connection: DuckDBConnection, from: string, mapping: Mapping | null): Promise<Detected> {
  return mapping ? { mapping, alternatives: [], note: null } : await detectMapping(connection, from);
}

function checkColumns(columns: string[], mapping: Mapping | null): void {
  if (columns.includes('file_row_number'))
    throw new DatasetError('file has a column named "file_row_number", which is taken. Give it another name.');
  if (mapping) checkMapping(mapping, columns);
}

async function writeParquet(
  connection: DuckDBConnection,
  { reading, detected }: Omit<Written, 'usableTexts'>,
  source: PlainSource,
  parquetPath: string,
): Promise<RowCounts | null> {
  const groupRows =
    source.kind === 'parquet' ? await rowsOfGroup(connection, source.path) : await linesOfGroup(source.path);
  const options = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${groupRows}`;
  const watched = detected?.mapping ? await watchRows(connection, reading.select, detected.mapping) : null;
  const { rowsChanged } = await connection.run(
    `COPY (${watched?.select ?? reading.select}) TO ${literal(parquetPath)} (${options})`,
  );
  if (!(await watched?.areUsableTexts())) return null;
  return { rowCount: rowsChanged, usableRowCount: rowsChanged, unusable: [], unused: [] };
}

function groupRows(bytesPerRow: number): number {
  const rows = Math.floor(GROUP_BYTES / Math.max(1, bytesPerRow) / LEAST_GROUP_ROWS) * LEAST_GROUP_ROWS;
  return Math.min(MOST_GROUP_ROWS, Math.max(LEAST_GROUP_ROWS, rows));
}

async function linesOfGroup(path: string): Promise<number> {
  const sample = await readBytes(path, 1024 ** 2);
  return groupRows(sample.length / (1 + lineEnds(sample)));
}

async function rowsOfGroup(connection: DuckDBConnection, path: string): Promise<number> {
  const found = await connection.runAndReadAll(
    `SELECT sum(total_uncompressed_size) / greatest(1, sum(row_group_num_rows / row_group_num_columns)) AS bytes FROM parquet_metadata(${literal(path)})`,
  );
  return groupRows(Number(found.getRowObjectsJson()[0]?.bytes ?? 1));
}

/** JSON can write a NUL as an escape, and Parquet holds it as it is. */
async function refuseNul(connection: DuckDBConnection, parquet: string, columns: string[]): Promise<void> {
  const tests = columns.map((name) => `WHEN contains(${identifier(name)}, chr(0)) THEN ${literal(name)}`);
  const found = await connection.runAndReadAll(
    `SELECT * FROM (SELECT file_row_number AS row, CASE ${tests.join(' ')} END AS column_name FROM read_parquet(${literal(parquet)}, file_row_number=true))
     WHERE column_name IS NOT NULL LIMIT 1`,
  );
  const [row] = found.getRowObjectsJson();
  if (row) {
    throw new DatasetError(
      `file has a NUL character in row ${Number(row.row) + 1}, column ${JSON.stringify(row.column_name)}. Remove it and upload the file again.`,
    );
  }
}

/** Of messages that answer each other, the conversations in their place. */
async function readTrees(connection: DuckDBConnection, parquetPath: string, reading: Reading): Promise<string[]> {
  const messages = `${parquetPath}.messages`;
  await rename(parquetPath, messages);
  const note = await conversationsOfTrees(connection, messages, parquetPath, reading.columns);
  reading.columns = ['messages'];
  await rm(messages);
  return [note];
}
