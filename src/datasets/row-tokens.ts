import { dirname } from 'node:path';
import { DatasetError } from './dataset-error.ts';
import { isOutOfMemory, withDuckDb } from './duckdb.ts';
import { refuseTooLong, rowsTooLongToShow } from './preview.ts';
import { jsonOf } from './rows/json-value.ts';
import type { Mapping } from './rows/mapping.ts';
import { readRow } from './rows/read-row.ts';
import { storedRows } from './stored-rows.ts';
import { conversationTokens, type RowTokens, type Tokenizer } from './tokenizer.ts';

export interface RowTokensRequest {
  parquetPath: string;
  mapping: Mapping;
  /** Its number, from 0. */
  row: number;
  tokenizer: Tokenizer;
  /** Of the tokens: which is the first to be shown, and how many are. */
  range: { offset: number; limit: number };
}

/**
 * The tokens of one row of a dataset as the trainer encodes it, or why it gives no conversation.
 * @throws DatasetError for a row that is not there or too long to be shown, or a tokenizer that does not load
 */
export async function rowTokens({ parquetPath, mapping, row, tokenizer, range }: RowTokensRequest): Promise<RowTokens> {
  const [found] = await withDuckDb({ memory: '256MB', folders: [dirname(parquetPath)], threads: 1 }, (connection) =>
    storedRows(connection, parquetPath, { offset: row, count: 1 }),
  ).catch((error) => {
    throw isOutOfMemory(error) ? rowsTooLongToShow() : error;
  });
  if (!found) throw new DatasetError(`There is no row ${row}: they count from 0, as in the preview.`);
  refuseTooLong(Object.values(found.shown));
  const { conversation, problem } = readRow(mapping, found.cells);
  if (!conversation) return { problem: `The row gives no conversation: ${problem}.` };
  const { messages, tools } = conversation;
  return await conversationTokens(tokenizer, { messages: jsonOf(messages), tools: tools && jsonOf(tools) }, range);
}
