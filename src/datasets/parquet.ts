import type { DuckDBConnection } from '@duckdb/node-api';
import { DatasetError } from './dataset-error.ts';
import { messageOf, type Reading, rowsTooLong } from './reading.ts';
import { identifier, literal } from './sql.ts';

/** Columns of Parquet: nested ones as JSON, everything else as texts, as DuckDB writes it. */
export async function readParquet(connection: DuckDBConnection, path: string): Promise<Reading> {
  const explain = async (error: unknown) =>
    rowsTooLong(error) ??
    new DatasetError(
      `file is not valid Parquet: ${messageOf(error).split('\n')[0]}. Write it again and upload it again.`,
    );
  const described = await connection
    .runAndReadAll(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(${literal(path)}))`)
    .catch(async (error) => {
      throw await explain(error);
    });
  const columns = described
    .getRowObjectsJson()
    .map(({ column_name, column_type }) => ({ name: String(column_name), type: String(column_type) }));
  const cells = columns.map(({ name, type }) => {
    const isNested = /^STRUCT|^MAP|\]$/.test(type);
    const isJson = isNested || type === 'JSON';
    return `${isJson ? `to_json(${identifier(name)})` : `CAST(${identifier(name)} AS VARCHAR)`} AS ${identifier(name)}`;
  });
  return {
    columns: columns.map(({ name }) => name),
    select: `SELECT ${cells.join(', ')} FROM read_parquet(${literal(path)})`,
    explain,
  };
}
