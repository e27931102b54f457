import { identifier, literal } from './sql.ts';

/**
 * Each of these begins with a character of its own, since RE2 looks for one that is given eight times as fast as for one of
 * several.
 */
const matchesAny = (json: string, patterns: string[]) =>
  `(${patterns.map((pattern) => `regexp_matches(${json}, ${literal(pattern)})`).join(' OR ')})`;

/** What DuckDB takes beside JSON: words for numbers, and a comma before an end. */
const NO_NUMBER = String.raw`\s*-?(?i:nan|inf)`;
export const hasNoNumberWord = (json: string) =>
  matchesAny(json, [`:${NO_NUMBER}`, `,${NO_NUMBER}`, `\\[${NO_NUMBER}`]);
export const hasCommaAtEnd = (json: string) => matchesAny(json, [String.raw`,\s*[}\]]`]);
/** Whether it may be JSON to DuckDB alone: it is, or a text in it looks like that. */
export const mayBeLax = (json: string) => `(${hasNoNumberWord(json)} OR ${hasCommaAtEnd(json)})`;

export const withoutTexts = (json: string) =>
  `regexp_replace(${json}, ${literal(String.raw`"(?:[^"\\]|\\.)*"`)}, '""', 'g')`;

/** Whether an object is JSON to DuckDB alone. Its texts are left out only where it may be, since that is slower. */
export const IS_LAX = `CASE WHEN ${mayBeLax('json')} THEN ${mayBeLax(withoutTexts('json'))} ELSE false END`;

/** A value that is a list or an object, or the like of it in a text. */
export const MAY_BE_NESTED = matchesAny('json', [String.raw`"\s*:\s*[\[{]`]);

export function pointersTo(columns: string[]): string {
  return columns.map(pointerTo).join(', ');
}

export function pointerTo(name: string): string {
  return literal(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

/** Columns of a JSON file in their order, and those of them in which there is a list or an object. */
export interface JsonColumns {
  columns: string[];
  nested: Set<string>;
}

/**
 * The cells of objects whose columns are known. Each is parsed once for all of its values and once for their types; what more
 * is needed, only where it is.
 */
export function cellsOf(objects: string, { columns, nested }: JsonColumns): string {
  const cells = columns.map((name, i) => `${cellOf(name, i, nested.has(name))} AS ${identifier(name)}`);
  const list = pointersTo(columns);
  return `SELECT ${cells.join(',\n')} FROM (
    SELECT json, json_extract_string(json, [${list}]) AS texts, json_type(json, [${list}]) AS types FROM ${objects})`;
}

/**
 * The same in one pass, for objects of which only the first were looked at: those with the same keys and nothing but texts are
 * parsed once, and the query fails at one that has other keys than `columns`, a list or an object where none was `nested`, or
 * that is JSON to DuckDB alone.
 */
export function cellsAtOnce(objects: string, { columns, nested }: JsonColumns): string {
  const other = `error(concat('An object is not as the first ones are: ', left(json::VARCHAR, 100)))`;
  const cells = columns.map((name, i) => {
    const isNested = nested.has(name);
    const [text, type] = [`quick[${i + 1}]`, `types[${i + 1}]`];
    const quick = isNested ? `CAST(to_json(${text}) AS JSON)` : text;
    const known = isNested ? '' : `WHEN ${type} IN ('OBJECT', 'ARRAY') THEN ${other}`;
    return `CASE WHEN is_plain THEN ${quick} ${known} ELSE ${cellOf(name, i, isNested)} END AS ${identifier(name)}`;
  });
  const list = pointersTo(columns);
  const names = `[${columns.map(literal).join(', ')}]`;
  const keys = 'json_keys(json)';
  const fits = `json_type(json) = 'OBJECT' AND list_has_all(${names}, ${keys}) AND len(list_distinct(${keys})) = len(${keys}) AND NOT (${IS_LAX})`;
  return `SELECT ${cells.join(',\n')} FROM (
    SELECT json, is_plain, quick, CASE WHEN is_plain THEN NULL ELSE json_extract_string(json, [${list}]) END AS texts,
      CASE WHEN is_plain THEN NULL WHEN ${fits} THEN json_type(json, [${list}]) ELSE [${other}] END AS types
    FROM (SELECT json, coalesce(map_keys(pairs) = ${names}, false) AS is_plain, map_values(pairs) AS quick
      FROM (SELECT json, CASE WHEN ${HOLDS_TEXTS_ALONE} THEN json_transform(json, '"MAP(VARCHAR, VARCHAR)"') END AS pairs FROM ${objects})))`;
}

/** Whether an object holds nothing but texts, and no comma before its end. It may say no of one that does, which is then read as all others. */
const HOLDS_TEXTS_ALONE = `suffix(json, '"}') AND NOT ${matchesAny('json', [String.raw`"\s*:\s*[^"\s]`])}`;

function cellOf(name: string, place: number, isNested: boolean): string {
  const [value, type, pointer] = [`texts[${place + 1}]`, `types[${place + 1}]`, pointerTo(name)];
  const number = `CASE WHEN regexp_matches(${value}, '(?i)nan|inf') THEN NULL ELSE ${asWritten('json')} ->> ${pointer} END`;
  if (!isNested) return `CASE ${type} WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN ${number} ELSE ${value} END`;
  return `CAST(CASE ${type}
    WHEN 'NULL' THEN NULL
    WHEN 'VARCHAR' THEN to_json(${value})::VARCHAR
    WHEN 'DOUBLE' THEN ${number}
    ELSE CASE WHEN ${type} IN ('OBJECT', 'ARRAY') AND regexp_matches(${value}, '[:,[]-?[0-9]+[.e]')
      THEN ${withoutMarks(`${asWritten('json', MARK)} -> ${pointer}`)} ELSE ${value} END
    END AS JSON)`;
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
