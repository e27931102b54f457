import { createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LONGEST_ROW_BYTES } from './reading.ts';
import { FORMATS } from './rows/formats.ts';
import { isObject, type Json, type JsonObject, jsonOf, parseAsWritten } from './rows/json-value.ts';

/** Rows that stand in one JSON object, and how that was read, as a sentence. */
interface Shape {
  rows: Json[];
  note: string;
}

/**
 * The rows of a JSON file that is one object around them, as JSON lines in `target`: a list in it (`{"data": [...]}`), or a
 * table by columns, by rows or split into names and values, as pandas writes them. Null for every other file, which is read
 * as it is. Larger files than the longest row are not looked at.
 */
export async function rowsInOneObject(path: string, target: string): Promise<string | null> {
  if ((await stat(path)).size > LONGEST_ROW_BYTES[1]) return null;
  const text = await readFile(path, 'utf8');
  if (!text.trimStart().startsWith('{')) return null;
  let value: Json;
  try {
    JSON.parse(text);
    value = parseAsWritten(text);
  } catch {
    return null;
  }
  const shape = isObject(value) ? shapeOf(value) : null;
  if (shape === null) return null;
  const lines = shape.rows.map((row) => `${jsonOf(row)}\n`);
  await pipeline(Readable.from(lines), createWriteStream(target));
  return shape.note;
}

function shapeOf(object: JsonObject): Shape | null {
  return split(object) ?? wrapped(object) ?? byColumns(object) ?? byRows(object);
}

/** pandas, orient="split": names of columns, and the cells of each row as a list. */
function split({ columns, data, ...others }: JsonObject): Shape | null {
  if (!Array.isArray(columns) || !Array.isArray(data) || data.length === 0) return null;
  if (Object.keys(others).some((key) => key !== 'index')) return null;
  const names = columns.map(String);
  if (!data.every((row) => Array.isArray(row) && row.length === names.length)) return null;
  const rows = data.map((row) => Object.fromEntries(names.map((name, i) => [name, (row as Json[])[i] ?? null])));
  return {
    rows,
    note: 'The file is one object with the names of its columns and a list of rows; it was read as that table.',
  };
}

/** One list of objects, and nothing beside it that could be a row. */
function wrapped(object: JsonObject): Shape | null {
  const lists = Object.entries(object).filter(
    ([, value]) => Array.isArray(value) && value.length > 0 && value.every((one) => isObject(one)),
  );
  const [list, ...more] = lists;
  if (!list || more.length > 0) return null;
  const [key, rows] = list as [string, JsonObject[]];
  // One chat in a file is a row by itself.
  if (key !== 'data' && FORMATS.columns.messages.includes(key)) return null;
  if (rows.some((row) => FORMATS.message.role.some((name) => typeof row[name] === 'string'))) return null;
  const beside = Object.keys(object).filter((name) => name !== key);
  const left = beside.length === 0 ? '' : ` What stands beside it is left out: ${beside.join(', ')}.`;
  return {
    rows,
    note: `The file is one object around its rows; those in the list ${JSON.stringify(key)} were read.${left}`,
  };
}

const INDEX = /^(0|[1-9][0-9]*)$/;

/** An object, or a list, for each column: pandas, orient="columns", and datasets' to_dict. */
function byColumns(object: JsonObject): Shape | null {
  const columns = Object.entries(object);
  const [first] = columns;
  if (!first) return null;
  if (columns.length > 1 && columns.every(([, value]) => Array.isArray(value))) {
    const length = (first[1] as Json[]).length;
    if (length === 0 || !columns.every(([, value]) => (value as Json[]).length === length)) return null;
    const rows = Array.from({ length }, (_, i) =>
      Object.fromEntries(columns.map(([name, value]) => [name, (value as Json[])[i] ?? null])),
    );
    return { rows, note: 'The file is one object with a list for each column; it was read as that table.' };
  }
  const isIndexed = columns.every(
    ([, value]) => isObject(value) && Object.keys(value).every((key) => INDEX.test(plainKey(key))),
  );
  const keys = Object.keys(first[1] as JsonObject);
  if (!isIndexed || keys.length === 0 || columns.some(([name]) => INDEX.test(plainKey(name)))) return null;
  const rows = keys.map((key) =>
    Object.fromEntries(columns.map(([name, value]) => [name, (value as JsonObject)[key] ?? null])),
  );
  return {
    rows,
    note: 'The file is one object with an object for each column, as pandas writes tables; it was read as that table.',
  };
}

/** An object for each row under its number: pandas, orient="index". */
function byRows(object: JsonObject): Shape | null {
  const rows = Object.entries(object);
  if (rows.length === 0 || !rows.every(([key, row]) => INDEX.test(plainKey(key)) && isObject(row))) return null;
  return {
    rows: rows.map(([, row]) => row),
    note: 'The file is one object with an object for each row, as pandas writes tables; it was read as that table.',
  };
}

/** A key without the mark that keeps its place among others. */
function plainKey(key: string): string {
  return key.replace('\u0002', '');
}
