import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DatasetError } from './dataset-error.ts';
import { isOutOfMemory, withDuckDb } from './duckdb.ts';
import { jsonOf } from './rows/json-value.ts';
import type { Mapping } from './rows/mapping.ts';
import type { Message } from './rows/messages.ts';
import { readRow } from './rows/read-row.ts';
import { storedRows } from './stored-rows.ts';

export interface PreviewRow {
  /** Counts from 0. */
  row_number: number;
  values: Record<string, string | null>;
  /** The conversation that the row gives; null where it gives none. */
  messages: Message[] | null;
  /** Of preferences, what the other answer has in place of that which is learnt. */
  rejected: Message[] | null;
  /** Definitions of the tools that its messages use. */
  tools: unknown[] | null;
  /** Why it gives none. */
  unusable: string | null;
  /** What training makes no use of: columns, and keys of messages. */
  unused: string[];
}

interface PreviewedDataset {
  parquet_path: string;
  columns: string[];
  mapping: Mapping | null;
}

export interface PreviewRequest {
  dataset: PreviewedDataset;
  /** Of the first row, from 0. */
  offset: number;
  count: number;
}

/** Characters of the cells that are shown at once: they go through the API's memory as JSON, those of many requests at a time. */
const MOST_CHARACTERS = 8 * 1024 ** 2;

/** This is done for many at the same time, and must not take much memory. */
export function rowsTooLongToShow(): DatasetError {
  return new DatasetError(
    'The rows from this offset on are too long to be shown here. Ask for fewer, or download the file.',
  );
}

/** @throws DatasetError when these cells are more than is shown at once */
export function refuseTooLong(cells: unknown[]): void {
  let characters = 0;
  for (const cell of cells) characters += typeof cell === 'string' ? cell.length : 0;
  if (characters > MOST_CHARACTERS) throw rowsTooLongToShow();
}

/**
 * Rows of a dataset's canonical Parquet from `offset` on, as texts and as the conversations that training would see.
 * @throws DatasetError for rows that are too long to be shown
 */
export async function previewRows({ dataset, ...range }: PreviewRequest): Promise<PreviewRow[]> {
  const folders = [dirname(dataset.parquet_path)];
  const rows = await withDuckDb({ memory: '256MB', folders, threads: 1 }, (connection) =>
    shownRows(connection, dataset, range),
  ).catch((error) => {
    throw isOutOfMemory(error) ? rowsTooLongToShow() : error;
  });
  refuseTooLong(rows.flatMap(({ values }) => Object.values(values)));
  return rows;
}

/** The same for whoever has a connection. */
export async function shownRows(
  connection: DuckDBConnection,
  { parquet_path, columns, mapping }: PreviewedDataset,
  range: { offset: number; count: number },
): Promise<PreviewRow[]> {
  return (await storedRows(connection, parquet_path, range)).map(({ number, shown, cells }) => {
    const read = mapping
      ? readRow(mapping, cells)
      : { conversation: null, problem: 'The dataset has no mapping.', unused: [] };
    return {
      row_number: number,
      values: Object.fromEntries(columns.map((name) => [name, shown[name] ?? null])),
      // As they are trained on, and no marks of how a number was written.
      messages: read.conversation && JSON.parse(jsonOf(read.conversation.messages)),
      rejected: read.conversation?.rejected ? JSON.parse(jsonOf(read.conversation.rejected)) : null,
      tools: read.conversation?.tools ? JSON.parse(jsonOf(read.conversation.tools)) : null,
      unusable: read.problem,
      unused: [...read.unused],
    };
  });
}
