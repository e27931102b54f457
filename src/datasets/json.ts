import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readBytes } from '../platform/files.ts';
import { DatasetError } from './dataset-error.ts';
import { type BadRows, copyGoodRows } from './good-rows.ts';
import { cellsAtOnce, cellsOf } from './json-cells.ts';
import { columnsOf } from './json-columns.ts';
import { linesOf, type Place, valuesOf } from './json-places.ts';
import { MOST_OTHERS, messageOf, type Reading, RowTooLong, rowsTooLong, type WrongRow, wrongRows } from './reading.ts';
import { literal } from './sql.ts';

const SAMPLE_BYTES = 1024 * 1024;
const FIRST_ROWS = 1000;

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
  return (await fromFirstRows(connection, objects, explained)) ?? (await fromAllRows(connection, objects, explained));
}

type Explain = Reading['explain'];

/** Nearly always the first rows tell what the others are: then all are read in one pass. Null where they tell of something else. */
async function fromFirstRows(connection: DuckDBConnection, objects: string, explain: Explain): Promise<Reading | null> {
  const first = await columnsOf(connection, `(SELECT json FROM ${objects} LIMIT ${FIRST_ROWS})`).catch(() => null);
  if (first === null || first.hasNoNumbers) return null;
  const thorough = () => fromAllRows(connection, objects, explain);
  return { columns: first.columns, select: cellsAtOnce(objects, first), explain, thorough };
}

async function fromAllRows(connection: DuckDBConnection, objects: string, explain: Explain): Promise<Reading> {
  const found = await columnsOf(connection, objects).catch(async (error) => {
    throw error instanceof DatasetError ? error : await explain(error, connection);
  });
  const notes = found.hasNoNumbers ? ['NaN and Infinity stand for values that are missing; such cells are empty.'] : [];
  return { columns: found.columns, select: cellsOf(objects, found), notes, explain };
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

const REMEDY = 'Fix it: the file is to be an array of objects, or one object per line.';
const SKIP = 'Or upload it with on_bad_rows: skip, which leaves out what cannot be read.';

async function explain(error: unknown, path: string, format: Format, longestRowBytes: number): Promise<DatasetError> {
  const tooLong = rowsTooLong(error);
  if (tooLong) return tooLong;
  const message = messageOf(error);
  if (message.includes('maximum_object_size'))
    return new RowTooLong(`file has an object of more than ${longestRowBytes} bytes. Split it into rows.`);
  const wrong: WrongRow[] = [];
  let isBetweenRows = false;
  for await (const { text = '', problem, ...where } of placesIn(path, format)) {
    const found = problem ?? problemOf(text);
    if (found !== null) wrong.push({ ...where, problem: found });
    isBetweenRows ||= problem !== undefined;
    if (wrong.length > MOST_OTHERS) break;
  }
  const [first, ...others] = wrong;
  // What is wrong between rows is in none that could be left out.
  if (first) return wrongRows('JSON', [first, ...others], isBetweenRows ? REMEDY : `${REMEDY} ${SKIP}`);
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
