import type { DuckDBConnection } from '@duckdb/node-api';
import { DatasetError } from './dataset-error.ts';
import {
  hasCommaAtEnd,
  hasNoNumberWord,
  IS_LAX,
  type JsonColumns,
  MAY_BE_NESTED,
  mayBeLax,
  pointersTo,
  pointerTo,
  withoutTexts,
} from './json-cells.ts';
import { nameGivenTwice } from './reading.ts';
import { literal } from './sql.ts';

interface Columns extends JsonColumns {
  /** Whether a cell is NaN, or the like, as Python writes it. */
  hasNoNumbers: boolean;
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/**
 * The columns of objects: every key that one of them has, in the order in which keys are first met.
 * @throws DatasetError for rows that are no objects, or have keys of which no columns can be made
 */
export async function columnsOf(connection: DuckDBConnection, objects: string): Promise<Columns> {
  const query: Query = (sql) => connection.runAndReadAll(sql).then((found) => found.getRowObjectsJson());
  const withNumbers = `(SELECT json, row_number() OVER () AS row FROM ${objects})`;
  // In one pass, the sets of keys that there are; where they are is only asked for when it matters, since it is slower.
  const sets = (await query(
    `SELECT json_keys(json) AS keys, json_type(json) AS type, bool_or(${IS_LAX}) AS is_lax,
       bool_or(${MAY_BE_NESTED}) AS may_be_nested FROM ${objects} GROUP BY 1, 2`,
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
async function requireCellsAlone(query: Query, columns: string[], objects: string): Promise<void> {
  const inside = columns.map((name, i) => {
    const value = withoutTexts(`CAST(json -> ${pointerTo(name)} AS VARCHAR)`);
    return `(types[${i + 1}] IN ('OBJECT', 'ARRAY') AND ${hasNoNumberWord(value)})`;
  });
  const [row = {}] = await query(
    `SELECT coalesce(bool_or(${hasCommaAtEnd(withoutTexts('json'))} OR ${inside.join(' OR ')}), false) AS wrong
     FROM (SELECT json, json_type(json, [${pointersTo(columns)}]) AS types FROM ${objects} WHERE ${mayBeLax('json')})`,
  );
  if (row.wrong) throw new Error('It is JSON to DuckDB alone.');
}

async function nestedOf(query: Query, columns: string[], objects: string): Promise<Set<string>> {
  const found = columns.map((_name, i) => `coalesce(bool_or(types[${i + 1}] IN ('OBJECT', 'ARRAY')), false) AS c${i}`);
  const [row = {}] = await query(
    `SELECT ${found.join(', ')} FROM (SELECT json_type(json, [${pointersTo(columns)}]) AS types FROM ${objects} WHERE ${MAY_BE_NESTED})`,
  );
  return new Set(columns.filter((_name, i) => row[`c${i}`] === true));
}

const FIRST_ROWS = 1000;

/** Keys in the order in which they are first met: nearly always in the first rows. */
async function inOrder(query: Query, keys: string[], withNumbers: string, objects: string): Promise<string[]> {
  const first = await query(`SELECT json_keys(json) AS keys FROM ${objects} LIMIT ${FIRST_ROWS}`);
  const found = new Set(first.flatMap((row) => row.keys as string[]));
  if (keys.every((key) => found.has(key))) return [...found];
  const later = await query(
    `SELECT keys FROM (SELECT json_keys(json) AS keys, min(row) AS row FROM ${withNumbers} GROUP BY 1) ORDER BY row`,
  );
  return [...new Set(later.flatMap((row) => row.keys as string[]))];
}
