import { createReadStream } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readCsvHeader } from './csv-header.ts';
import { DatasetError } from './dataset-error.ts';
import { identifier, literal } from './duckdb.ts';
import type { SourceKind } from './normalise.ts';

/** No cell or object may be longer. */
const LONGEST_LINE_BYTES = 32 * 1024 * 1024;

/** Writes the canonical Parquet: one text column per source column, rows in their order. Returns the columns. */
export async function writeCanonical(
  connection: DuckDBConnection,
  kind: SourceKind,
  source: string,
  parquet: string,
): Promise<string[]> {
  const { columns, select } = kind === 'csv' ? await fromCsv(source) : await fromJson(connection, source);
  try {
    await connection.run(`COPY (${select}) TO ${literal(parquet)} (FORMAT parquet, COMPRESSION zstd)`);
  } catch (error) {
    throw new DatasetError(explain(error, kind));
  }
  return columns;
}

/** Read with explicit texts, so that `007`, `1e5`, `NA` and dates stay what they are. */
async function fromCsv(source: string): Promise<{ columns: string[]; select: string }> {
  const { delimiter, columns } = await readCsvHeader(source);
  const types = columns.map((name) => `${literal(name)}: 'VARCHAR'`).join(', ');
  const names = columns.map(literal).join(', ');
  return {
    columns,
    select: `SELECT * FROM read_csv(${literal(source)}, auto_detect=false, header=true, delim=${literal(delimiter)}, quote='"', escape='"',
      columns={${types}}, force_not_null=[${names}], max_line_size=${LONGEST_LINE_BYTES}, buffer_size=${2 * LONGEST_LINE_BYTES}, strict_mode=true, parallel=false)`,
  };
}

/** Objects are read as they stand; values that are no text become their JSON text, null and missing become NULL. */
async function fromJson(connection: DuckDBConnection, source: string): Promise<{ columns: string[]; select: string }> {
  const format = (await firstCharacter(source)) === '[' ? 'array' : 'newline_delimited';
  const objects = `read_json_objects(${literal(source)}, format='${format}', maximum_object_size=${LONGEST_LINE_BYTES})`;
  try {
    const odd = await connection.runAndReadAll(
      `SELECT row_number, type FROM (SELECT row_number() OVER () AS row_number, json_type(json) AS type FROM ${objects}) WHERE type <> 'OBJECT' LIMIT 1`,
    );
    const [wrong] = odd.getRowObjectsJson();
    if (wrong)
      throw new DatasetError(
        `file has ${String(wrong.type).toLowerCase()} as row ${String(wrong.row_number)}, where an object was expected. Make every row a JSON object.`,
      );
    // The order in which keys are first met.
    const keys = await connection.runAndReadAll(
      `SELECT key FROM (SELECT unnest(json_keys(json)) AS key, row_number() OVER () AS row_number FROM ${objects}) GROUP BY key ORDER BY min(row_number), key`,
    );
    const found = keys.getRowObjectsJson().map(({ key }) => String(key));
    const columns = await inOrderOfFirstRow(connection, objects, found);
    const cells = columns.map((name) => {
      const path = literal(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
      return `nullif(json ->> ${path}, CASE WHEN json_type(json, ${path}) = 'NULL' THEN 'null' END) AS ${identifier(name)}`;
    });
    return { columns, select: `SELECT ${cells.join(', ')} FROM ${objects}` };
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    throw new DatasetError(explain(error, 'json'));
  }
}

async function inOrderOfFirstRow(connection: DuckDBConnection, objects: string, found: string[]): Promise<string[]> {
  const first = await connection.runAndReadAll(
    `SELECT unnest(json_keys(json)) AS key FROM (SELECT json FROM ${objects} LIMIT 1)`,
  );
  const leading = first.getRowObjectsJson().map(({ key }) => String(key));
  const columns = [...new Set([...leading, ...found])];
  if (columns.length === 0) throw new DatasetError('file has no row with a field. Upload one with at least one row.');
  return columns;
}

async function firstCharacter(path: string): Promise<string> {
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const text = String(chunk).trimStart();
    if (text) return text.charAt(0);
  }
  throw new DatasetError('file holds white space alone. Upload one with at least one row.');
}

/** DuckDB's message as a sentence with the line, without its advice on options that our users cannot set. */
function explain(error: unknown, kind: SourceKind): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.match(/line:? (\d+)/i)?.[1];
  const where = line ? ` in line ${line}` : '';
  if (kind === 'json') {
    const what =
      message.match(/Malformed JSON[^:]*:?\s*(?:[^:]*line \d+:)?\s*([^\n]+?)(?:\. |\s*$)/)?.[1] ??
      'it does not read as JSON';
    return `file is not valid JSON${where}: ${what.trim()}. Upload an array of objects, or one object per line.`;
  }
  const found = message.match(/Expected Number of Columns: (\d+) Found: (\d+)/i);
  const what = found
    ? `it has ${found[2]} cells where the header has ${found[1]}`
    : (message.split('\n')[0] ?? message);
  return `file is not valid CSV${where}: ${what}. Mend that line and upload the file again.`;
}
