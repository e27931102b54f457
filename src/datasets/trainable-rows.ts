import type { DuckDBConnection } from '@duckdb/node-api';
import type { MappedRows } from './conversation-files.ts';
import { conversationsOf } from './conversations.ts';
import type { RowFilters } from './row-filters.ts';
import { isOfPreferences, type Mapping } from './rows/mapping.ts';

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
  if (filters.max_characters !== undefined)
    conditions.push(`${charactersOfRow(rows.mapping)} <= ${filters.max_characters}`);
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

/** Characters of all messages of a row, of a pair of answers with the longer one, as an SQL expression over its columns. */
export function charactersOfRow(mapping: Mapping): string {
  const chosen = charactersOf('messages');
  return isOfPreferences(mapping) ? `greatest(${chosen}, ${charactersOf(OTHER_SIDE)})` : chosen;
}

/** Of a pair: what was rejected in place of the messages from the first on that is learnt. */
const OTHER_SIDE = `list_concat(
  list_slice(CAST(messages AS JSON[]), 1, list_position(
    list_transform(CAST(messages AS JSON[]), lambda m: (m ->> 'role') = 'assistant' AND (m ->> 'weight') IS DISTINCT FROM '0'), true
  ) - 1),
  CAST(rejected AS JSON[])
)`;

/** Characters of all messages of a conversation, as an SQL expression over its JSON text. */
function charactersOf(messages: string): string {
  return `list_sum(list_transform(CAST(${messages} AS JSON[]), lambda m: length(m ->> 'content')))`;
}
