import type { DuckDBConnection } from '@duckdb/node-api';
import { beginsAsWords, isBlank, isEmptyJson, isNothing, standsForNothing } from './cell-sql.ts';
import type { MappedRows } from './conversation-files.ts';
import { columnTypes } from './conversations.ts';
import type { Mapping } from './rows/mapping.ts';
import { isMeaningless } from './rows/read-row.ts';
import { identifier, literal } from './sql.ts';

/**
 * The conversations of rows that are nothing but texts, read by DuckDB itself, which is many times as fast; null where mapping
 * or columns are more than that. It says the same as readRow (rows/read-row.ts), which a test holds it to, unless a text
 * `may_hold_messages`, as JSON.
 */
export async function plainConversations(
  connection: DuckDBConnection,
  { parquetPath, mapping }: MappedRows,
): Promise<string | null> {
  const read = plainSql(mapping);
  if (read === null) return null;
  const columns = await columnTypes(connection, parquetPath);
  const used = new Set<string>(Object.values(mapping));
  if (columns.some(({ name, isJson }) => isJson && used.has(name))) return null;
  const from = `read_parquet(${literal(parquetPath)}, file_row_number=true)`;
  const mayHold = read.mayHoldMessages.map(
    (cell) => `(NOT ${beginsAsWords(cell)} AND coalesce(regexp_matches(${cell}, '^\\s*[\\[{]'), false))`,
  );
  const others = columns.filter(({ name }) => !used.has(name) && !isMeaningless(name));
  const unused = others.map(({ name, isJson }) => {
    const cell = `CAST(${identifier(name)} AS VARCHAR)`;
    return `CASE WHEN ${isJson ? isEmptyJson(cell) : isNothing(cell)} THEN NULL ELSE ${literal(name)} END`;
  });
  const listed = `list_filter([${unused.join(', ')}], lambda name: name IS NOT NULL)`;
  const unusedSql =
    unused.length === 0 ? 'NULL::VARCHAR' : `CASE WHEN len(${listed}) > 0 THEN to_json(${listed})::VARCHAR END`;
  return `(SELECT file_row_number AS row, (${read.problem}) AS problem, ${read.messages} AS messages, NULL::VARCHAR AS tools, ${unusedSql} AS unused,
    ${mayHold.join(' OR ') || 'false'} AS may_hold_messages FROM ${from})`;
}

interface PlainSql {
  problem: string;
  messages: string;
  /** Cells that may hold a list of messages as JSON text. */
  mayHoldMessages: string[];
}

function plainSql(mapping: Mapping): PlainSql | null {
  if (mapping.label !== undefined || mapping.deleted !== undefined) return null;
  if ('text' in mapping) {
    const text = identifier(mapping.text);
    return {
      problem: problemOf([[text, 'text']]),
      messages: `to_json([json_object('role', 'text', 'content', ${text})])::VARCHAR`,
      mayHoldMessages: [],
    };
  }
  if ('instruction' in mapping && mapping.history === undefined)
    return exchange(mapping.instruction, mapping.output, mapping.system, { after: mapping.input });
  if ('completion' in mapping && mapping.history === undefined && mapping.tools === undefined) {
    const { prompt, completion, system, context, reasoning } = mapping;
    return exchange(prompt, completion, system, { before: context, thought: reasoning });
  }
  return null;
}

function exchange(
  promptColumn: string,
  answerColumn: string,
  systemColumn: string | undefined,
  more: { before?: string | undefined; after?: string | undefined; thought?: string | undefined },
): PlainSql {
  const [prompt, answer] = [identifier(promptColumn), identifier(answerColumn)];
  const optional = (column: string) =>
    `CASE WHEN ${isNothing(identifier(column))} THEN NULL ELSE ${identifier(column)} END`;
  const parts = [
    ...(more.before ? [optional(more.before)] : []),
    prompt,
    ...(more.after ? [optional(more.after)] : []),
  ];
  const question = parts.length === 1 ? prompt : `concat_ws('\n\n', ${parts.join(', ')})`;
  const plainAnswer = `json_object('role', 'assistant', 'content', ${answer})`;
  const messages = [
    ...(systemColumn
      ? [
          `CASE WHEN ${isNothing(identifier(systemColumn))} THEN NULL ELSE json_object('role', 'system', 'content', ${identifier(systemColumn)}) END`,
        ]
      : []),
    `json_object('role', 'user', 'content', ${question})`,
    more.thought
      ? `CASE WHEN ${isNothing(identifier(more.thought))} THEN ${plainAnswer} ELSE json_object('role', 'assistant', 'reasoning_content', ${identifier(more.thought)}, 'content', ${answer}) END`
      : plainAnswer,
  ];
  const list = `[${messages.join(', ')}]`;
  return {
    problem: problemOf([
      [prompt, 'prompt'],
      [answer, 'answer'],
    ]),
    messages: `to_json(${systemColumn ? `list_filter(${list}, lambda m: m IS NOT NULL)` : list})::VARCHAR`,
    mayHoldMessages: [prompt, answer],
  };
}

/** Why one of these cells, each with what it is, cannot be trained on; or NULL. */
function problemOf(cells: [cell: string, what: string][]): string {
  const refused = cells.map(
    ([cell, what]) =>
      `WHEN ${isBlank(cell)} THEN 'the ${what} is empty' WHEN ${standsForNothing(cell)} THEN concat('the ${what} is ', trim(${cell}), ', which stands for a missing value')`,
  );
  const areWords = cells.map(([cell]) => beginsAsWords(cell)).join(' AND ');
  return `CASE WHEN ${areWords} THEN NULL ${refused.join(' ')} END`;
}
