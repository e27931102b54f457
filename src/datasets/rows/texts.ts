import { FORMATS } from './formats.ts';

/** White space alone, also Unicode's. */
export function isBlankText(text: string): boolean {
  return !/[^\s\p{Z}\u0085]/u.test(text);
}

const NO_VALUES = new Set(FORMATS.no_values);
const NO_OPTIONAL_VALUES = new Set([...FORMATS.no_values, ...FORMATS.no_values_of_optional_columns]);

/** Whether a cell's text stands for a value that is missing: `nan`, and what else programs write for one. */
export function standsForNothing(text: string, isOptional: boolean): boolean {
  const word = text.trim();
  return word.length <= 4 && (isOptional ? NO_OPTIONAL_VALUES : NO_VALUES).has(word);
}
