import { join } from 'node:path';
import { isOutOfMemory, withDuckDb } from './duckdb.ts';
import type { MixturePart } from './mixture.ts';
import { refuseTooLong, rowsTooLongToShow } from './preview.ts';
import type { Message } from './rows/messages.ts';
import { literal } from './sql.ts';

/** A row of a mixture, and where it comes from. */
export interface MixtureRow {
  trait: string;
  dataset_id: number;
  /** In the dataset, from 0. */
  row_number: number;
  messages: Message[];
  /** Of preferences, what the other answer has in place of that which is learnt. */
  rejected: Message[] | null;
  /** Definitions of the tools that its messages use. */
  tools: unknown[] | null;
}

export interface MixtureRowsRequest {
  /** Where the mixture lies. */
  dir: string;
  part: MixturePart;
  offset: number;
  count: number;
}

/**
 * Rows of a mixture from `offset` on, in the order in which they are trained on.
 * @throws DatasetError for rows that are too long to be shown
 */
export async function readMixtureRows({ dir, part, offset, count }: MixtureRowsRequest): Promise<MixtureRow[]> {
  const rows = `read_parquet(${literal(join(dir, `${part}.parquet`))}, file_row_number=true)`;
  return await withDuckDb({ memory: '256MB', folders: [dir], threads: 1 }, async (connection) => {
    // Mixtures from before tools were kept have no such column, and only those of preferences have what was rejected.
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${rows}`);
    const columns = new Set(described.getRowObjectsJson().map(({ column_name }) => column_name));
    const orNull = (column: string) => (columns.has(column) ? column : `NULL AS ${column}`);
    const found = await connection.runAndReadAll(
      `SELECT trait, dataset_id, row_number, messages, ${orNull('rejected')}, ${orNull('tools')} FROM ${rows}
       WHERE file_row_number BETWEEN ${offset} AND ${offset + count - 1} ORDER BY file_row_number`,
    );
    const texts = found.getRowObjects();
    refuseTooLong(texts.flatMap(({ messages, rejected, tools }) => [messages, rejected, tools]));
    return texts.map(({ trait, dataset_id, row_number, messages, rejected, tools }) => ({
      trait: String(trait),
      dataset_id: Number(dataset_id),
      row_number: Number(row_number),
      messages: JSON.parse(String(messages)),
      rejected: rejected === null ? null : JSON.parse(String(rejected)),
      tools: tools === null ? null : JSON.parse(String(tools)),
    }));
  }).catch((error) => {
    throw isOutOfMemory(error) ? rowsTooLongToShow() : error;
  });
}
