import type { DuckDBConnection } from '@duckdb/node-api';
import type { MappedRows } from './conversation-files.ts';
import { conversationsOf } from './conversations.ts';
import type { RowFilters } from './row-filters.ts';

export interface RowSource extends MappedRows {
  id: number;
  filters?: RowFilters | undefined;
}

/** A query for the conversations of the rows that a dataset's filters of single rows leave: `row`, from 0, messages and rejected. */
export async function conversationsSql(
  connection: DuckDBConnection,
  { filters = {}, ...rows }: RowSource,
): Promise<string> {
  const conditions = ['problem IS NULL'];
  if (filters.max_characters !== undefined) conditions.push(`${charactersOf('messages')} <= ${filters.max_characters}`);
  return `SELECT row, messages, rejected FROM ${await conversationsOf(connection, rows)} WHERE ${conditions.join(' AND ')}`;
}

/** A query for the numbers of the rows that may be chosen, as the column `row`, in their order. */
export async function trainableRowsSql(connection: DuckDBConnection, source: RowSource): Promise<string> {
  const rows = await conversationsSql(connection, source);
  return source.filters?.drop_duplicates
    ? `SELECT min(row)::INTEGER AS row FROM (${rows}) GROUP BY ${CONTENT} ORDER BY 1`
    : `SELECT row::INTEGER AS row FROM (${rows}) ORDER BY row`;
}

/** Of a row, what it says, as an SQL expression. A hash of 128 bits stands for it: all of them do not fit into memory. */
export const CONTENT = 'md5_number(concat(messages, rejected))';

/** Characters of all messages of a conversation, as an SQL expression over its JSON text. */
export function charactersOf(messages: string): string {
  return `list_sum(list_transform(CAST(${messages} AS JSON[]), lambda m: length(m ->> 'content')))`;
}
