import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { durableRename } from '../platform/durable-files.ts';
import { exists } from '../platform/files.ts';
import { isNothing } from './cell-sql.ts';
import { cellOf, columnTypes } from './columns.ts';
import { conversationFiles, type MappedRows } from './conversation-files.ts';
import { withDuckDb } from './duckdb.ts';
import { MAY_HOLD_MESSAGES, plainConversations } from './plain-conversations.ts';
import { jsonOf } from './rows/json-value.ts';
import { type Cells, isMeaningless, readRow } from './rows/read-row.ts';
import { identifier, literal } from './sql.ts';

/**
 * The conversations of a dataset as something to select from: a row for each of its rows, with
 * - row: its number, from 0
 * - problem: why it gives no conversation, as the end of a sentence; NULL where it gives one
 * - messages: JSON text of a list of messages without empty fields; for plain text, of one message with the role "text"
 * - rejected: of preferences, what the other answer has in place of that which is learnt, as JSON text of messages; or NULL
 * - tools: the definitions of its tools as JSON text, or NULL
 * - unused: JSON text of a list of what training makes no use of, or NULL
 *
 * Rows that are texts are read by DuckDB as they are asked for. All others are read once by readRow, and kept in a file beside
 * the dataset's Parquet.
 */
export async function conversationsOf(connection: DuckDBConnection, rows: MappedRows): Promise<string> {
  const { select, proof } = await claimedConversations(connection, rows);
  if (proof === null) return select;
  const found = await connection.runAndReadAll(
    `SELECT 1 FROM ${select} WHERE problem = ${literal(MAY_HOLD_MESSAGES)} LIMIT 1`,
  );
  if (found.currentRowCount > 0) return await proof.otherwise();
  await proof.note();
  return select;
}

interface Claimed {
  select: string;
  /** Of rows that are taken for texts until the problem of one is MAY_HOLD_MESSAGES: what notes that none does, and what to select from instead. */
  proof: { note: () => Promise<void>; otherwise: () => Promise<string> } | null;
}

/** The same for who looks at all rows anyway, and so finds out by the way whether they are what they are taken for. */
export async function claimedConversations(connection: DuckDBConnection, rows: MappedRows): Promise<Claimed> {
  const files = conversationFiles(rows);
  const otherwise = () => readConversations(rows);
  const texts = (await exists(files.read)) ? null : await plainConversations(connection, rows);
  if (texts === null) return { select: await otherwise(), proof: null };
  const isProven = await exists(files.texts);
  return { select: texts, proof: isProven ? null : { note: () => noteTexts(rows), otherwise } };
}

/** Notes that all rows are texts, no one of which may be messages. */
export async function noteTexts(rows: MappedRows): Promise<void> {
  await writeFile(conversationFiles(rows).texts, '');
}

/** Reads them where they were not read before. */
async function readConversations(rows: MappedRows): Promise<string> {
  const { parquetPath } = rows;
  const path = conversationFiles(rows).read;
  const select = `(SELECT file_row_number AS row, problem, messages, rejected, tools, unused FROM read_parquet(${literal(path)}, file_row_number=true))`;
  if (await exists(path)) return select;
  const partial = `${path}.${randomUUID()}.partial`;
  const limits = { folders: [dirname(parquetPath)], threads: 1 };
  await withDuckDb({ ...limits, memory: '128MB', moreMemory: '512MB' }, async (reader) =>
    withDuckDb({ ...limits, memory: '256MB' }, async (writer) => {
      await writer.run(
        'CREATE TABLE rows (problem VARCHAR, messages VARCHAR, rejected VARCHAR, tools VARCHAR, unused VARCHAR)',
      );
      await copyRows(reader, writer, rows);
      await writer.run(`COPY rows TO ${literal(partial)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10240)`);
    }),
  );
  await durableRename(partial, path);
  return select;
}

async function copyRows(reader: DuckDBConnection, writer: DuckDBConnection, rows: MappedRows): Promise<void> {
  const { select, cellsOf } = await cellsQuery(reader, rows);
  const appender = await writer.createAppender('rows');
  const append = (text: string | null) => (text === null ? appender.appendNull() : appender.appendVarchar(text));
  const result = await reader.stream(select);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const values of chunk.getRows()) {
      const { conversation, problem, unused } = readRow(rows.mapping, cellsOf(values as (string | boolean | null)[]));
      append(problem);
      append(conversation && jsonOf(conversation.messages));
      append(conversation?.rejected ? jsonOf(conversation.rejected) : null);
      append(conversation?.tools ? jsonOf(conversation.tools) : null);
      append(unused.size === 0 ? null : JSON.stringify([...unused]));
      appender.endRow();
    }
    appender.flushSync();
  }
  appender.closeSync();
}

/** The cells of rows in their order. Of texts that the mapping does not name, only whether there is one is asked for. */
async function cellsQuery(connection: DuckDBConnection, { parquetPath, mapping }: MappedRows) {
  const columns = await columnTypes(connection, `read_parquet(${literal(parquetPath)})`);
  const used = new Set<string>(Object.values(mapping));
  const asked = columns.filter(({ name }) => used.has(name) || !isMeaningless(name));
  const expressions = asked.map(({ name, isJson }) => {
    const cell = `CAST(${identifier(name)} AS VARCHAR)`;
    return used.has(name) || isJson ? cell : `NOT ${isNothing(cell)}`;
  });
  return {
    select: `SELECT ${expressions.join(', ')} FROM read_parquet(${literal(parquetPath)})`,
    cellsOf: (values: (string | boolean | null)[]): Cells =>
      Object.fromEntries(
        asked.map((column, i) => {
          const value = values[i] ?? null;
          return [column.name, typeof value === 'boolean' ? value || null : cellOf(column, value)];
        }),
      ),
  };
}
