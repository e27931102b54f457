import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal } from './duckdb.ts';
import type { Row } from './row-format.ts';

/** The rows of a canonical Parquet in their order, with these columns only; row numbers count from 0. */
export async function* readRows(
  connection: DuckDBConnection,
  parquet: string,
  columns: string[],
): AsyncGenerator<{ row: Row; rowNumber: number }> {
  const names = [...new Set(columns)];
  // A Parquet without any column asked for still has its rows.
  const select = names.length > 0 ? names.map(identifier).join(', ') : 'NULL AS nothing';
  const result = await connection.stream(`SELECT ${select} FROM read_parquet(${literal(parquet)})`);
  let rowNumber = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const values of chunk.getRows()) {
      const row: Row = {};
      names.forEach((name, i) => {
        const value = values[i];
        row[name] = value === null || value === undefined ? null : String(value);
      });
      yield { row, rowNumber: rowNumber++ };
    }
  }
}
