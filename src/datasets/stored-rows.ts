import type { DuckDBConnection } from '@duckdb/node-api';
import { cellOf, columnTypes, shownCell } from './columns.ts';
import type { Cells } from './rows/read-row.ts';
import { identifier, literal } from './sql.ts';

/** A row of a dataset's canonical Parquet. */
export interface StoredRow {
  /** Counts from 0. */
  number: number;
  /** For people, by their columns: a text as it is, everything else as its JSON. */
  shown: Record<string, string | null>;
  /** As the rule for rows takes them. */
  cells: Cells;
}

/** `count` rows from `offset` on, or as many as there are. */
export async function storedRows(
  connection: DuckDBConnection,
  parquetPath: string,
  { offset, count }: { offset: number; count: number },
): Promise<StoredRow[]> {
  const types = await columnTypes(connection, `read_parquet(${literal(parquetPath)})`);
  // Cells by their position: a column may have any name.
  const cells = types.map(
    (column, i) => `${shownCell(column)} AS c${i}, CAST(${identifier(column.name)} AS VARCHAR) AS v${i}`,
  );
  const found = await connection.runAndReadAll(
    `SELECT file_row_number AS row, ${cells.join(', ')} FROM read_parquet(${literal(parquetPath)}, file_row_number=true)
       WHERE file_row_number BETWEEN ${offset} AND ${offset + count - 1} ORDER BY file_row_number`,
  );
  return found.getRowObjects().map((row) => {
    const textOf = (prefix: string, i: number) => row[`${prefix}${i}`] as string | null;
    return {
      number: Number(row.row),
      shown: Object.fromEntries(types.map(({ name }, i) => [name, textOf('c', i)])),
      cells: Object.fromEntries(types.map((column, i) => [column.name, cellOf(column, textOf('v', i))])),
    };
  });
}
