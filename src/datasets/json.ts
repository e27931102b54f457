import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readBytes } from '../files.ts';
import { DatasetError } from './dataset-error.ts';
import { type BadRows, copyGoodRows } from './good-rows.ts';
import { linesOf, type Place, valuesOf } from './json-places.ts';
import {
  MOST_OTHERS,
  messageOf,
  nameGivenTwice,
  type Reading,
  RowTooLong,
  rowsTooLong,
  type WrongRow,
  wrongRows,
} from './reading.ts';
import { identifier, literal } from './sql.ts';

const SAMPLE_BYTES = 1024 * 1024;

/** `unstructured`: objects one after the other, each over several lines. */
type Format = 'array' | 'newline_delimited' | 'unstructured';

/**
 * Objects are read as they stand, without types: texts as they are, null and missing as NULL, numbers and booleans as they
 * are written. A column in which there is a list or an object is JSON, its texts as well. Columns come in the order in which
 * keys are first met.
 */
export async function readJson(connection: DuckDBConnection, path: string, longestRowBytes: number): Promise<Reading> {
  const format = await formatOf(path);
  const objects = `read_json_objects(${literal(path)}, format='${format}', maximum_object_size=${longestRowBytes})`;
  const explained = (error: unknown) => explain(error, path, format, longestRowBytes);
  if (format === 'array' && !(await endsWithBracket(path))) throw await explained(new Error('It is cut off.'));
  const { columns, nested, hasNoNumbers } = await columnsOf(connection, objects).catch(async (error) => {
    throw error instanceof DatasetError ? error : await explained(error);
  });
  const notes = hasNoNumbers ? ['NaN and Infinity stand for values that are missing; such cells are empty.'] : [];
  return { columns, select: selectOf(objects, columns, nested), notes, explain: explained };
}

/**
 * The rows of a file that can be read, as JSON lines in `target`; and what was left out, or null where all can.
 * @throws DatasetError
 */
export async function goodJsonRows(path: string, target: string): Promise<BadRows | null> {
  return await copyGoodRows(placesIn(path, await formatOf(path)), problemOfRow, target);
}

function placesIn(path: string, format: Format): AsyncGenerator<Place> {
  return format === 'newline_delimited' ? linesOf(path) : valuesOf(path, format === 'array');
}

async function formatOf(path: string): Promise<Format> {
  const sample = (await readBytes(path, SAMPLE_BYTES)).toString('utf8');
  const text = sample.trimStart();
  if (text === '') throw new DatasetError('file holds white space alone. Upload one with at least one row.');
  if (text.startsWith('[')) return 'array';
  if (!text.startsWith('{')) {
    const [line = ''] = text.split('\n');
    throw new DatasetError(
      `file is named as JSON and begins with ${JSON.stringify(line.slice(0, 40))}. JSON begins with [ or {; if it is CSV, name it .csv.`,
    );
  }
  return /^\{\s*\n/.test(text) || /^\{[^\n]*[,{[]\s*\n\s+/.test(text) ? 'unstructured' : 'newline_delimited';
}

const END_SAMPLE_BYTES = 64 * 1024;

/** DuckDB takes an array that ends behind a comma for a whole one. */
async function endsWithBracket(path: string): Promise<boolean> {
  const { size } = await stat(path);
  for (let end = size; end > 0; end -= END_SAMPLE_BYTES) {
    const start = Math.max(0, end - END_SAMPLE_BYTES);
    const text = (await readBytes(path, end - start, start)).toString('latin1').trimEnd();
    if (text !== '') return text.endsWith(']');
  }
  return false;
}

/** What DuckDB takes beside JSON: words for numbers, and a comma before an end. */
const NO_NUMBER_WORD = String.raw`[:,\[]\s*-?(?:nan|inf)`;
const COMMA_AT_END = String.raw`,\s*[}\]]`;
const LAX = literal(`(?i)${NO_NUMBER_WORD}|${COMMA_AT_END}`);
const TEXT = literal(String.raw`"(?:[^"\\]|\\.)*"`);

/** A value that is a list or an object, or the like of it in a text. */
const NESTED = literal(String.raw`"\s*:\s*[\[{]`);

/** Whether an object is JSON to DuckDB alone. Its texts are left out only where it may be, since that is slower. */
const IS_LAX = `CASE WHEN regexp_matches(json, ${LAX})
  THEN regexp_matches(regexp_replace(json, ${TEXT}, '""', 'g'), ${LAX}) ELSE false END`;

interface Columns {
  columns: string[];
  /** Those in which there is a list or an object. */
  nested: Set<string>;
  /** Whether a cell is NaN, or the like, as Python writes it. */
  hasNoNumbers: boolean;
}

async function columnsOf(connection: DuckDBConnection, objects: string): Promise<Columns> {
  const query = (sql: string) => connection.runAndReadAll(sql).then((found) => found.getRowObjectsJson());
  const withNumbers = `(SELECT json, row_number() OVER () AS row FROM ${objects})`;
  // In one pass, the sets of keys that there are; where they are is only asked for when it matters, since it is slower.
  const sets = (await query(
    `SELECT json_keys(json) AS keys, json_type(json) AS type, bool_or(${IS_LAX}) AS is_lax,
       bool_or(regexp_matches(json, ${NESTED})) AS may_be_nested FROM ${objects} GROUP BY 1, 2`,
  )) as { keys: string[]; type: string; is_lax: boolean; may_be_nested: boolean }[];
  const firstRow = async (condition: string) =>
    (await query(`SELECT min(row)::VARCHAR AS row FROM ${withNumbers} WHERE ${condition}`))[0]?.row;
  const wrong = sets.find(({ type }) => type !== 'OBJECT');
  if (wrong) {
    throw new DatasetError(
      `file has ${wrong.type.toLowerCase()} as row ${await firstRow(`json_type(json) <> 'OBJECT'`)}, where an object was expected. Make every row a JSON object.`,
    );
  }
  for (const { keys } of sets) {
    const twice = keys.find((key, i) => keys.indexOf(key) !== i);
    if (twice === undefined && !keys.includes('')) continue;
    const row = await firstRow(`json_keys(json) = [${keys.map(literal).join(', ')}]`);
    throw new DatasetError(
      twice === undefined
        ? `file has a key without a name in row ${row}. Give it one.`
        : `file has the key ${JSON.stringify(twice)} twice in row ${row}. Give it once.`,
    );
  }
  const columns = await inOrder(
    query,
    sets.flatMap(({ keys }) => keys),
    withNumbers,
    objects,
  );
  if (columns.length === 0) throw new DatasetError('file has no row with a field. Upload one with at least one row.');
  const twice = nameGivenTwice(columns);
  if (twice !== undefined)
    throw new DatasetError(`file has two keys ${JSON.stringify(twice)} that differ in case alone. Rename one.`);
  const hasNoNumbers = sets.some(({ is_lax }) => is_lax);
  if (hasNoNumbers) await requireCellsAlone(query, columns, objects);
  const mayBeNested = sets.some(({ may_be_nested }) => may_be_nested);
  return { columns, nested: mayBeNested ? await nestedOf(query, columns, objects) : new Set(), hasNoNumbers };
}

/** A cell that is no number is a value that is missing. Within a list or an object it is no JSON. */
async function requireCellsAlone(
  query: (sql: string) => Promise<Record<string, unknown>[]>,
  columns: string[],
  objects: string,
): Promise<void> {
  const bare = (json: string) => `regexp_replace(${json}, ${TEXT}, '""', 'g')`;
  const inside = columns.map(
    (name, i) =>
      `(types[${i + 1}] IN ('OBJECT', 'ARRAY') AND regexp_matches(${bare(`CAST(json -> ${pointerTo(name)} AS VARCHAR)`)}, ${literal(`(?i)${NO_NUMBER_WORD}`)}))`,
  );
  const [row = {}] = await query(
    `SELECT coalesce(bool_or(regexp_matches(${bare('json')}, ${literal(COMMA_AT_END)}) OR ${inside.join(' OR ')}), false) AS wrong
     FROM (SELECT json, json_type(json, [${pointersTo(columns)}]) AS types FROM ${objects} WHERE regexp_matches(json, ${LAX}))`,
  );
  if (row.wrong) throw new Error('It is JSON to DuckDB alone.');
}

async function nestedOf(
  query: (sql: string) => Promise<Record<string, unknown>[]>,
  columns: string[],
  objects: string,
): Promise<Set<string>> {
  const found = columns.map((_name, i) => `coalesce(bool_or(types[${i + 1}] IN ('OBJECT', 'ARRAY')), false) AS c${i}`);
  const [row = {}] = await query(
    `SELECT ${found.join(', ')} FROM (SELECT json_type(json, [${pointersTo(columns)}]) AS types FROM ${objects} WHERE regexp_matches(json, ${NESTED}))`,
  );
  return new Set(columns.filter((_name, i) => row[`c${i}`] === true));
}

function pointersTo(columns: string[]): string {
  return columns.map(pointerTo).join(', ');
}

function pointerTo(name: string): string {
  return literal(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

const FIRST_ROWS = 1000;

/** Keys in the order in which they are first met: nearly always in the first rows. */
async function inOrder(
  query: (sql: string) => Promise<Record<string, unknown>[]>,
  keys: string[],
  withNumbers: string,
  objects: string,
): Promise<string[]> {
  const first = await query(`SELECT json_keys(json) AS keys FROM ${objects} LIMIT ${FIRST_ROWS}`);
  const found = new Set(first.flatMap((row) => row.keys as string[]));
  if (keys.every((key) => found.has(key))) return [...found];
  const later = await query(
    `SELECT keys FROM (SELECT json_keys(json) AS keys, min(row) AS row FROM ${withNumbers} GROUP BY 1) ORDER BY row`,
  );
  return [...new Set(later.flatMap((row) => row.keys as string[]))];
}

/** Each object is parsed once for all of its values and once for their types; what more is needed, only where it is. */
function selectOf(objects: string, columns: string[], nested: Set<string>): string {
  const cells = columns.map((name, i) => {
    const [value, type, pointer] = [`texts[${i + 1}]`, `types[${i + 1}]`, pointerTo(name)];
    const number = `CASE WHEN regexp_matches(${value}, '(?i)nan|inf') THEN NULL ELSE ${asWritten('json')} ->> ${pointer} END`;
    if (!nested.has(name))
      return `CASE ${type} WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN ${number} ELSE ${value} END AS ${identifier(name)}`;
    return `CAST(CASE ${type}
      WHEN 'NULL' THEN NULL
      WHEN 'VARCHAR' THEN to_json(${value})::VARCHAR
      WHEN 'DOUBLE' THEN ${number}
      ELSE CASE WHEN ${type} IN ('OBJECT', 'ARRAY') AND regexp_matches(${value}, '[:,[]-?[0-9]+[.e]')
        THEN ${withoutMarks(`${asWritten('json', MARK)} -> ${pointer}`)} ELSE ${value} END
      END AS JSON) AS ${identifier(name)}`;
  });
  const list = pointersTo(columns);
  return `SELECT ${cells.join(',\n')} FROM (
    SELECT json, json_extract_string(json, [${list}]) AS texts, json_type(json, [${list}]) AS types FROM ${objects})`;
}

/** No text of JSON begins so but one that was marked here, or written to look like it. */
const MARK = '\\u0001number:';

/**
 * The JSON with every number as a text, since DuckDB rounds them (1e5 becomes 100000.0). Strings are passed over in the
 * same sweep; 1 and 2 are control characters, which valid JSON does not hold as such.
 */
function asWritten(json: string, mark = ''): string {
  const swept = `regexp_replace(${json}, '("(?:[^"\\\\]|\\\\.)*"|[^"0-9-]+)|(-?[0-9][0-9.eE+-]*)', concat('\\1', chr(1), '\\2', chr(2)), 'g')`;
  return `replace(replace(replace(${swept}, concat(chr(1), chr(2)), ''), chr(1), ${literal(`"${mark}`)}), chr(2), '"')`;
}

function withoutMarks(json: string): string {
  return `regexp_replace(${json}, '"\\\\u0001number:([^"]*)"', '\\1', 'g')`;
}

const REMEDY = 'Mend it: the file is to be an array of objects, or one object per line.';

async function explain(error: unknown, path: string, format: Format, longestRowBytes: number): Promise<DatasetError> {
  const tooLong = rowsTooLong(error);
  if (tooLong) return tooLong;
  const message = messageOf(error);
  if (message.includes('maximum_object_size'))
    return new RowTooLong(`file has an object of more than ${longestRowBytes} bytes. Split it into rows.`);
  const wrong: WrongRow[] = [];
  for await (const { text = '', problem = problemOf(text), ...where } of placesIn(path, format)) {
    if (problem !== null) wrong.push({ ...where, problem });
    if (wrong.length > MOST_OTHERS) break;
  }
  const [first, ...others] = wrong;
  if (first) return wrongRows('JSON', [first, ...others], REMEDY);
  const what = message.match(/Malformed JSON[^:]*:?\s*(?:[^:]*line \d+:)?\s*([^\n]+?)(?:\. |\s*$)/)?.[1];
  return new DatasetError(`file is not valid JSON: ${what?.trim() ?? 'it does not read as JSON'}. ${REMEDY}`);
}

const NOT_A_NUMBER = /\b(nan|inf(inity)?)\b/i;
const NO_NUMBER = 'NaN and Infinity are no JSON; write null, or a number';

function withoutTexts(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

/** What is wrong with a row, or null. A cell that is no number is a value that is missing. */
function problemOfRow(text: string): string | null {
  const marked = text.replace(/("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g, (_word, quoted) => quoted ?? '"\\u0000"');
  const problem = problemOf(marked);
  if (problem !== null) return problem;
  const row: unknown = JSON.parse(marked);
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return 'it is no object';
  const nested = Object.values(row).filter((cell) => typeof cell === 'object');
  return JSON.stringify(nested).includes('"\\u0000"') ? NO_NUMBER : null;
}

/** What is wrong with a JSON text by itself, or null. */
function problemOf(text: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return (NOT_A_NUMBER.exec(withoutTexts(text)) ? NO_NUMBER : messageOf(error)).slice(0, 200);
  }
  // JSON.stringify writes as an escape what JSON.parse lets pass: a surrogate without its other half.
  if (text.includes('\\u') && /\\ud[89a-f][0-9a-f]{2}/.test(JSON.stringify(value)))
    return 'it has an escape \\ud800 to \\udfff without its other half';
  return null;
}
