import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { franc } from 'franc-min';
import { conversationsOf } from './conversations.ts';
import { countRows } from './count-rows.ts';
import { withDuckDb } from './duckdb.ts';
import { type LengthBucket, type Lengths, lengthBuckets } from './lengths.ts';
import { shownRows } from './preview.ts';
import { withProgress } from './progress.ts';
import { FORMATS } from './rows/formats.ts';
import { isOfPreferences, type Mapping } from './rows/mapping.ts';
import { identifier, literal } from './sql.ts';
import type { UnusableRows, UnusedPart } from './told-of-rows.ts';
import { CONTENT, charactersOfRow } from './trainable-rows.ts';

export interface ProfileRequest {
  parquetPath: string;
  columns: string[];
  mapping: Mapping | null;
}

export interface ColumnProfile {
  name: string;
  /** Rows that have nothing there, or an empty text. */
  empty: number;
  /** About how many different values there are (HyperLogLog, within some percent). */
  distinct: number;
  characters: Lengths;
}

export interface RoleProfile {
  role: string;
  messages: number;
  characters: number;
  /** What it speaks, ISO 639-3, told from a sample of messages; "und" where they are too short to tell. */
  languages: { language: string; percent: number }[];
}

/** Which of two answers is the longer one: what prefers the longer may teach no more than that. */
export interface PreferenceLengths {
  /** Rows whose chosen answer is longer than the rejected one, and shorter; in the others both are as long as each other. */
  chosen_longer: number;
  chosen_shorter: number;
  /** Of the answers of a row, mean. */
  chosen_characters: number;
  rejected_characters: number;
}

export interface Profile {
  rows: number;
  usable_rows: number;
  unusable: UnusableRows[];
  unused: UnusedPart[];
  /** Usable rows that hold special tokens of a chat format as text, which a tokenizer may read as such. */
  rows_with_special_tokens: number;
  /** Usable rows that give the conversation of an earlier row once more. */
  duplicates: number;
  /** The number of a row whose conversation is the longest; null when no row gives one. */
  longest_row: number | null;
  /** Of whole conversations. */
  characters: Lengths | null;
  /** How many of them are about how long; null when no row gives one. */
  character_histogram: LengthBucket[] | null;
  /** Null where rows are no pairs of answers. */
  preferences: PreferenceLengths | null;
  columns: ColumnProfile[];
  roles: RoleProfile[];
}

const MEMORY = { memory: '512MB', moreMemory: '1536MB' };
const LANGUAGE_SAMPLE = 200;
/** Less of a language is a wrong guess more often than not: code and names have none. */
const LANGUAGE_PERCENT = 3;
/** Of a message; more does not make the guess better. */
const LANGUAGE_CHARACTERS = 500;

/** What a dataset is made of. Reads all of it. */
export async function profile(request: ProfileRequest, onProgress: (percent: number) => void): Promise<Profile> {
  return await withDuckDb({ ...MEMORY, folders: [dirname(request.parquetPath)] }, (connection) =>
    withProgress(
      connection,
      onProgress,
      (next) => profileWith(connection, request, next),
      STATEMENTS + request.columns.length,
    ),
  );
}

/** That read all of it, beside one for each column. */
const STATEMENTS = 4;

async function profileWith(
  connection: DuckDBConnection,
  { parquetPath, columns, mapping }: ProfileRequest,
  next: () => void,
): Promise<Profile> {
  const { rowCount, usableRowCount, unusable, unused } = await countRows(connection, parquetPath, mapping);
  next();
  const counts = { rows: rowCount, usable_rows: usableRowCount, unusable, unused };
  const columnProfiles = await profileColumns(connection, parquetPath, columns, next);
  if (!mapping || usableRowCount === 0)
    return {
      ...counts,
      rows_with_special_tokens: 0,
      duplicates: 0,
      longest_row: null,
      characters: null,
      character_histogram: null,
      preferences: null,
      columns: columnProfiles,
      roles: [],
    };
  const rows = await conversationsOf(connection, { parquetPath, mapping });
  await connection.run(
    `CREATE VIEW conversations AS SELECT row, messages, rejected FROM ${rows} WHERE problem IS NULL`,
  );
  const conversations = await profileConversations(connection, mapping);
  next();
  const preferences = isOfPreferences(mapping) ? await preferenceLengths(connection) : null;
  const roles = await profileRoles(connection, next);
  return { ...counts, ...conversations, preferences, columns: columnProfiles, roles };
}

/** Named aggregates of a length, see Lengths. */
function lengthsSql(length: string): string {
  return `{min: min(${length}), median: quantile_disc(${length}, 0.5), p95: quantile_disc(${length}, 0.95), max: max(${length}), mean: avg(${length})}`;
}

async function profileColumns(
  connection: DuckDBConnection,
  parquet: string,
  columns: string[],
  next: () => void,
): Promise<ColumnProfile[]> {
  const found: ColumnProfile[] = [];
  // One after the other: the quantiles of one column are in memory, not those of hundreds.
  for (const name of columns) {
    const length = `length(coalesce(CAST(${identifier(name)} AS VARCHAR), ''))`;
    const [row] = (
      await connection.runAndReadAll(
        `SELECT count(*) FILTER (${length} = 0)::INTEGER AS empty, least(approx_count_distinct(${identifier(name)}), count(${identifier(name)}))::INTEGER AS "distinct",
           to_json(${lengthsSql(length)})::VARCHAR AS characters FROM read_parquet(${literal(parquet)})`,
      )
    ).getRowObjectsJson();
    found.push({
      name,
      empty: Number(row?.empty),
      distinct: Number(row?.distinct),
      characters: JSON.parse(String(row?.characters)),
    });
    next();
  }
  return found;
}

/** A length with zeros in place of all digits but its first three: few different ones, however long rows are. */
const ROUNDED_LENGTH = 'length - length % pow(10, greatest(0, floor(log10(greatest(length, 1))) - 2))::INTEGER';

async function profileConversations(connection: DuckDBConnection, mapping: Mapping) {
  const found = await connection.runAndReadAll(
    `SELECT to_json(${lengthsSql('length')})::VARCHAR AS characters, to_json(histogram(${ROUNDED_LENGTH}))::VARCHAR AS counts, arg_max(row, length)::INTEGER AS longest_row,
       (count(*) - count(DISTINCT content))::INTEGER AS duplicates, count(*) FILTER (has_special)::INTEGER AS rows_with_special_tokens
     FROM (SELECT row, ${charactersOfRow(mapping)}::INTEGER AS length, ${CONTENT} AS content,
       regexp_matches(messages, ${literal(FORMATS.special_tokens)}) AS has_special FROM conversations)`,
  );
  const [row] = found.getRowObjectsJson();
  const characters = JSON.parse(String(row?.characters)) as Lengths;
  const counts = Object.entries(JSON.parse(String(row?.counts)) as Record<string, number>);
  return {
    rows_with_special_tokens: Number(row?.rows_with_special_tokens),
    duplicates: Number(row?.duplicates),
    longest_row: Number(row?.longest_row),
    characters,
    character_histogram: lengthBuckets(
      counts.map(([length, rows]) => [Number(length), rows]),
      characters,
    ),
  };
}

async function preferenceLengths(connection: DuckDBConnection): Promise<PreferenceLengths> {
  const found = await connection.runAndReadAll(
    `SELECT count(*) FILTER (chosen > rejected)::INTEGER AS chosen_longer, count(*) FILTER (chosen < rejected)::INTEGER AS chosen_shorter,
       avg(chosen)::DOUBLE AS chosen_characters, avg(rejected)::DOUBLE AS rejected_characters
     FROM (SELECT ${answerCharacters('messages')} AS chosen, ${answerCharacters('rejected')} AS rejected FROM conversations)`,
  );
  return found.getRowObjectsJson()[0] as unknown as PreferenceLengths;
}

/** Characters of what is learnt of a conversation, as an SQL expression over its JSON text. */
function answerCharacters(messages: string): string {
  const answers = `list_filter(CAST(${messages} AS JSON[]), lambda m: (m ->> 'role') = 'assistant' AND (m ->> 'weight') IS NULL)`;
  return `list_sum(list_transform(${answers}, lambda m: length(m ->> 'content')))`;
}

async function profileRoles(connection: DuckDBConnection, next: () => void): Promise<RoleProfile[]> {
  const message = `(SELECT m ->> 'role' AS role, m ->> 'content' AS content
    FROM (SELECT unnest(CAST(messages AS JSON[])) AS m FROM conversations))`;
  const counts = await connection.runAndReadAll(
    `SELECT role, count(*)::INTEGER AS messages, sum(length(content))::DOUBLE AS characters FROM ${message} GROUP BY role ORDER BY messages DESC, role`,
  );
  next();
  // Those with the smallest hashes: a sample from everywhere, and the same each time.
  const samples = await connection.runAndReadAll(
    `SELECT role, list(content[:${LANGUAGE_CHARACTERS}]) AS texts FROM (
       SELECT role, content FROM ${message} WHERE length(content) > 0
       QUALIFY row_number() OVER (PARTITION BY role ORDER BY md5(content)) <= ${LANGUAGE_SAMPLE}) GROUP BY role`,
  );
  const texts = new Map(samples.getRowObjectsJson().map(({ role, texts }) => [role, texts as string[]]));
  return counts.getRowObjectsJson().map(({ role, messages, characters }) => ({
    role: String(role),
    messages: Number(messages),
    characters: Number(characters),
    languages: languagesOf(texts.get(role) ?? []),
  }));
}

function languagesOf(texts: string[]): RoleProfile['languages'] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const language = franc(text);
    counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  return [...counts]
    .map(([language, count]) => ({ language, percent: Math.round((1000 * count) / texts.length) / 10 }))
    .filter(({ percent }) => percent >= LANGUAGE_PERCENT)
    .sort((a, b) => b.percent - a.percent || (a.language < b.language ? -1 : 1));
}

/** Rows that give no conversation under a mapping, with the cells of the first for each reason. */
export interface MappingCheck {
  rows: number;
  usable_rows: number;
  unusable: (UnusableRows & { values: Record<string, string | null> })[];
  unused: UnusedPart[];
}

/** What a mapping would make of a dataset. */
export async function checkRows(
  { parquetPath, columns, mapping }: ProfileRequest,
  onProgress: (percent: number) => void,
): Promise<MappingCheck> {
  return await withDuckDb({ ...MEMORY, folders: [dirname(parquetPath)] }, async (connection) => {
    const { rowCount, usableRowCount, unusable, unused } = await withProgress(connection, onProgress, () =>
      countRows(connection, parquetPath, mapping),
    );
    const dataset = { parquet_path: parquetPath, columns, mapping };
    const shown = unusable.map(async (reason) => {
      const [row] = await shownRows(connection, dataset, { offset: reason.first_row, count: 1 });
      return { ...reason, values: row?.values ?? {} };
    });
    return { rows: rowCount, usable_rows: usableRowCount, unusable: await Promise.all(shown), unused };
  });
}
