import { FORMATS } from './rows/formats.ts';
import { literal } from './sql.ts';

/** What rows/texts.ts and rows/fields.ts say of cells, for DuckDB. A test holds the two to each other. */

const NO_VALUES = FORMATS.no_values;
const NO_OPTIONAL_VALUES = [...NO_VALUES, ...FORMATS.no_values_of_optional_columns];

/**
 * Whether a text begins so that it can only be words: with a character that is no white space, opens no list or object, and
 * begins nothing that stands for a missing value. True of nearly all cells, and compared many times as fast as they are matched.
 */
export function beginsAsWords(text: string): string {
  const others = [' ', '[', '{', '\x7f', ...NO_OPTIONAL_VALUES.map((value) => value.charAt(0))];
  const codes = [...new Set(others)].map((first) => first.charCodeAt(0)).sort((a, b) => a - b);
  const between = codes.slice(1).flatMap((next, i) => {
    const from = (codes[i] ?? 0) + 1;
    return from < next ? [`(${text} >= chr(${from}) AND ${text} < chr(${next}))`] : [];
  });
  return `coalesce(${between.join(' OR ')}, false)`;
}

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
  return isOneOf(text, NO_VALUES);
}

/** Nothing, or what programs write for a value that is missing. */
export function isNothing(text: string): string {
  return `(NOT ${beginsAsWords(text)} AND (${isBlank(text)} OR ${isOneOf(text, NO_OPTIONAL_VALUES)}))`;
}

/** JSON in which there is nothing but nulls, blanks, and lists and objects of them. */
export function isEmptyJson(json: string): string {
  const values = `regexp_replace(${json}, '"(?:[^"\\\\]|\\\\.)*"\\s*:', '', 'g')`;
  return `NOT coalesce(regexp_matches(regexp_replace(${values}, '\\bnull\\b', '', 'g'), '[^\\s\\p{Z}\\[\\]{},"]'), false)`;
}
