import type { DuckDBConnection } from '@duckdb/node-api';
import { beginsAsWords, isBlank, isEmptyJson, isNothing, standsForNothing } from './cell-sql.ts';
import { type ColumnType, columnTypes } from './columns.ts';
import type { MappedRows } from './conversation-files.ts';
import type { Mapping } from './rows/mapping.ts';
import { isMeaningless } from './rows/read-row.ts';
import { identifier, literal } from './sql.ts';

/** In the place of a problem: a text that is taken for words may be a list of messages, as JSON, so that readRow is to read the rows. */
export const MAY_HOLD_MESSAGES = 'a text may be messages';

/** What a row of texts gives, as SQL over its columns: why no conversation, its messages, and what of it is not used. */
export interface PlainRow {
  problem: string;
  messages: string;
  unused: string;
}

/**
 * The conversations of rows that are nothing but texts, read by DuckDB itself, which is many times as fast; null where mapping
 * or columns are more than that. It says the same as readRow (rows/read-row.ts), which a test holds it to, unless a problem is
 * MAY_HOLD_MESSAGES.
 */
export async function plainConversations(
  connection: DuckDBConnection,
  { parquetPath, mapping }: MappedRows,
): Promise<string | null> {
  const row = plainRow(mapping, await columnTypes(connection, `read_parquet(${literal(parquetPath)})`));
  if (row === null) return null;
  return `(SELECT file_row_number AS row, ${row.problem} AS problem, ${row.messages} AS messages, NULL::VARCHAR AS rejected, NULL::VARCHAR AS tools, ${row.unused} AS unused
    FROM read_parquet(${literal(parquetPath)}, file_row_number=true))`;
}

export function plainRow(mapping: Mapping, columns: ColumnType[]): PlainRow | null {
  const read = plainSql(mapping);
  const used = new Set<string>(Object.values(mapping));
  if (read === null || columns.some(({ name, isJson }) => isJson && used.has(name))) return null;
  const others = columns.filter(({ name }) => !used.has(name) && !isMeaningless(name));
  const unused = others.map(({ name, isJson }) => {
    const cell = `CAST(${identifier(name)} AS VARCHAR)`;
    return `CASE WHEN ${isJson ? isEmptyJson(cell) : isNothing(cell)} THEN NULL ELSE ${literal(name)} END`;
  });
  const listed = `list_filter([${unused.join(', ')}], lambda name: name IS NOT NULL)`;
  return {
    ...read,
    unused: unused.length === 0 ? 'NULL::VARCHAR' : `CASE WHEN len(${listed}) > 0 THEN to_json(${listed})::VARCHAR END`,
  };
}

function plainSql(mapping: Mapping): Omit<PlainRow, 'unused'> | null {
  if (mapping.label !== undefined || mapping.deleted !== undefined) return null;
  if ('text' in mapping) {
    const text = identifier(mapping.text);
    return {
      problem: problemOf([[text, 'text']], false),
      messages: `to_json([json_object('role', 'text', 'content', ${text})])::VARCHAR`,
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
): Omit<PlainRow, 'unused'> {
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
    problem: problemOf(
      [
        [prompt, 'prompt'],
        [answer, 'answer'],
      ],
      true,
    ),
    messages: `to_json(${systemColumn ? `list_filter(${list}, lambda m: m IS NOT NULL)` : list})::VARCHAR`,
  };
}

/** Why one of these cells, each with what it is, cannot be trained on; or NULL. */
function problemOf(cells: [cell: string, what: string][], mayHoldMessages: boolean): string {
  const areWords = cells.map(([cell]) => beginsAsWords(cell)).join(' AND ');
  const held = cells.map(([cell]) => `regexp_matches(${cell}, '^\\s*[\\[{]')`).join(' OR ');
  const refused = cells.map(
    ([cell, what]) =>
      `WHEN ${isBlank(cell)} THEN 'the ${what} is empty' WHEN ${standsForNothing(cell)} THEN concat('the ${what} is ', trim(${cell}), ', which stands for a missing value')`,
  );
  return `CASE WHEN ${areWords} THEN NULL ${mayHoldMessages ? `WHEN ${held} THEN ${literal(MAY_HOLD_MESSAGES)}` : ''} ${refused.join(' ')} END`;
}
