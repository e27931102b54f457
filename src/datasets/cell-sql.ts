import { FORMATS } from './rows/formats.ts';
import { literal } from './sql.ts';

/** What rows/texts.ts and rows/fields.ts say of cells, for DuckDB. A test holds the two to each other. */

/** White space alone, also Unicode's, or NULL. */
export function isBlank(text: string): string {
  return `NOT coalesce(regexp_matches(${text}, '[^\\s\\p{Z}\\x0b\\x{85}\\x{feff}]'), false)`;
}

function isOneOf(text: string, words: readonly string[]): string {
  const any = words.map((word) => word.replaceAll('/', '\\/')).join('|');
  return `coalesce(regexp_matches(${text}, ${literal(`^[\\s\\p{Z}]*(?:${any})[\\s\\p{Z}]*$`)}), false)`;
}

/** A text that stands for a value that is missing, in a column that must have one. */
export function standsForNothing(text: string): string {
  return isOneOf(text, FORMATS.no_values);
}

/** Nothing, or what programs write for a value that is missing. */
export function isNothing(text: string): string {
  return `(${isBlank(text)} OR ${isOneOf(text, [...FORMATS.no_values, ...FORMATS.no_values_of_optional_columns])})`;
}

/** JSON in which there is nothing but nulls, blanks, and lists and objects of them. */
export function isEmptyJson(json: string): string {
  const values = `regexp_replace(${json}, '"(?:[^"\\\\]|\\\\.)*"\\s*:', '', 'g')`;
  return `NOT coalesce(regexp_matches(regexp_replace(${values}, '\\bnull\\b', '', 'g'), '[^\\s\\p{Z}\\[\\]{},"]'), false)`;
}
