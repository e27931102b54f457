import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readBytes } from '../files.ts';
import { DatasetError } from './dataset-error.ts';
import { identifier, literal } from './duckdb.ts';
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

const SAMPLE_BYTES = 1024 * 1024;

/** `unstructured`: objects one after the other, each over several lines. */
type Format = 'array' | 'newline_delimited' | 'unstructured';

/**
 * Objects are read as they stand, without types: texts as they are, null and missing as NULL, and everything else as its
 * JSON. Columns come in the order in which keys are first met.
 */
export async function readJson(connection: DuckDBConnection, path: string, longestRowBytes: number): Promise<Reading> {
  const format = await formatOf(path);
  const objects = `read_json_objects(${literal(path)}, format='${format}', maximum_object_size=${longestRowBytes})`;
  const explained = (error: unknown) => explain(error, path, format, longestRowBytes);
  const columns = await columnsOf(connection, objects).catch(async (error) => {
    throw error instanceof DatasetError ? error : await explained(error);
  });
  return { columns, select: selectOf(objects, columns), explain: explained };
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

async function columnsOf(connection: DuckDBConnection, objects: string): Promise<string[]> {
  const query = (sql: string) => connection.runAndReadAll(sql).then((found) => found.getRowObjectsJson());
  const withNumbers = `(SELECT json, row_number() OVER () AS row FROM ${objects})`;
  // In one pass, the sets of keys that there are; where they are is only asked for when it matters, since it is slower.
  const sets = (await query(`SELECT DISTINCT json_keys(json) AS keys, json_type(json) AS type FROM ${objects}`)) as {
    keys: string[];
    type: string;
  }[];
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
  return columns;
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
function selectOf(objects: string, columns: string[]): string {
  const pointers = columns.map((name) => literal(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`));
  const cells = columns.map((name, i) => {
    const [value, type, pointer] = [`texts[${i + 1}]`, `types[${i + 1}]`, pointers[i]];
    return `CASE ${type}
      WHEN 'NULL' THEN NULL
      WHEN 'DOUBLE' THEN ${asWritten('json')} ->> ${pointer}
      ELSE CASE WHEN ${type} IN ('OBJECT', 'ARRAY') AND regexp_matches(${value}, '[:,[]-?[0-9]+[.e]')
        THEN ${withoutMarks(`${asWritten('json', MARK)} -> ${pointer}`)} ELSE ${value} END
      END AS ${identifier(name)}`;
  });
  const list = pointers.join(', ');
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
  for await (const { line, text } of format === 'newline_delimited' ? linesOf(path) : objectsOf(path)) {
    const problem = problemOf(text);
    if (problem !== null) wrong.push({ line, problem });
    if (wrong.length > MOST_OTHERS) break;
  }
  const [first, ...others] = wrong;
  if (first) return wrongRows('JSON', [first, ...others], REMEDY);
  const what = message.match(/Malformed JSON[^:]*:?\s*(?:[^:]*line \d+:)?\s*([^\n]+?)(?:\. |\s*$)/)?.[1];
  return new DatasetError(`file is not valid JSON: ${what?.trim() ?? 'it does not read as JSON'}. ${REMEDY}`);
}

/** What is wrong with a JSON text by itself, or null. */
function problemOf(text: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return messageOf(error).slice(0, 200);
  }
  // JSON.stringify writes as an escape what JSON.parse lets pass: a surrogate without its other half.
  if (text.includes('\\u') && /\\ud[89a-f][0-9a-f]{2}/.test(JSON.stringify(value)))
    return 'it has an escape \\ud800 to \\udfff without its other half';
  return null;
}

interface Located {
  /** The one that it begins in, from 1. */
  line: number;
  text: string;
}

async function* linesOf(path: string): AsyncGenerator<Located> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() !== '') yield { line, text };
  }
}

/** The objects of an array, or those that follow each other; at last what there is of one that is cut off. */
async function* objectsOf(path: string): AsyncGenerator<Located> {
  let line = 1;
  let depth = 0;
  let inText = false;
  let escaped = false;
  let object: Located | null = null;
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    let from = 0;
    const text = String(chunk);
    for (let i = 0; i < text.length; i++) {
      const character = text[i];
      if (character === '\n') line++;
      if (escaped) escaped = false;
      else if (inText) {
        if (character === '\\') escaped = true;
        else if (character === '"') inText = false;
      } else if (character === '"') inText = true;
      else if (character === '{') {
        if (depth++ === 0) {
          object = { line, text: '' };
          from = i;
        }
      } else if (character === '}' && object && --depth === 0) {
        yield { line: object.line, text: object.text + text.slice(from, i + 1) };
        object = null;
      }
    }
    if (object) object.text += text.slice(from);
  }
  if (object) yield object;
}
