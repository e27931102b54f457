import type { DuckDBConnection, DuckDBIntegerVector } from '@duckdb/node-api';
import type { DatasetShare } from './mixing-rule.ts';
import type { RowSource } from './trainable-rows.ts';

/** A dataset that rows are chosen from. */
export interface MixtureSource extends RowSource {
  /** Of the file that was uploaded: the choice of rows depends on it, and on nothing of this machine. */
  sha256: string;
}

/** A dataset's share of a trait. */
export interface SharedSource {
  trait: string;
  share: DatasetShare;
  source: MixtureSource;
}

/** A row of a share, or of a dataset, as one number. */
export function idOf(share: string, row: string): string {
  return `((${share}::BIGINT << 32) | ${row}::BIGINT)`;
}

/** Of the table `train`, and of `held_out`. */
export const COLUMNS =
  'messages, rejected, tools, trait, dataset_id, row_number::BIGINT AS row_number, share, position';

/** The numbers that a query gives, in its order. */
export async function numbersOf(connection: DuckDBConnection, sql: string): Promise<Int32Array> {
  const parts: Int32Array[] = [];
  const result = await connection.stream(sql);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    parts.push(Int32Array.from((chunk.getColumnVector(0) as DuckDBIntegerVector).toArray() as number[]));
  const numbers = new Int32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    numbers.set(part, at);
    at += part.length;
  }
  return numbers;
}
