import type { DuckDBConnection } from '@duckdb/node-api';
import { type Json, parseAsWritten } from './rows/json-value.ts';
import { identifier } from './sql.ts';

export interface ColumnType {
  name: string;
  /** Its cells are JSON: not all of them were texts in the file. */
  isJson: boolean;
}

/** Of what is selected from: a Parquet, or a query. */
export async function columnTypes(connection: DuckDBConnection, from: string): Promise<ColumnType[]> {
  const described = await connection.runAndReadAll(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${from})`,
  );
  return described
    .getRowObjectsJson()
    .map(({ column_name, column_type }) => ({ name: String(column_name), isJson: column_type === 'JSON' }));
}

/** What a cell of a column holds, of which DuckDB gave the text. */
export function cellOf({ isJson }: ColumnType, text: string | null): Json {
  return isJson && text !== null ? parseAsWritten(text) : text;
}

/** The cell of a column as a text for people: a text as it is, everything else as its JSON. */
export function shownCell({ name, isJson }: ColumnType): string {
  const cell = identifier(name);
  return isJson
    ? `CASE json_type(${cell}) WHEN 'VARCHAR' THEN ${cell} ->> '$' ELSE CAST(${cell} AS VARCHAR) END`
    : cell;
}
