export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const STRING = '"(?:[^"\\\\]|\\\\.)*"';
/** A number that JavaScript might write otherwise, or a key that it would put before others. */
const DELICATE = new RegExp(`${STRING}|-?[0-9][0-9.eE+-]*`, 'g');
const PLAIN_NUMBER = /^-?(?:0|[1-9][0-9]{0,14})$/;
const INDEX_KEY = /^"(?:0|[1-9][0-9]*)"$/;
/** Control characters do not stand in JSON as they are, so nothing but what was marked here begins so. */
const NUMBER_MARK = '\\u0001';
const KEY_MARK = '\\u0002';

/** Whether `parseAsWritten` is needed to have the text again from its value. */
function isDelicate(json: string): boolean {
  for (const [part] of json.matchAll(DELICATE))
    if (part.startsWith('"') ? INDEX_KEY.test(part) : !PLAIN_NUMBER.test(part)) return true;
  return false;
}

/**
 * A JSON text as a value that `jsonOf` writes with the same numbers and keys in the same order: those that JavaScript would
 * change (1e5, 1.0, integers of 16 digits and more, keys that are integers) are marked. @throws SyntaxError
 */
export function parseAsWritten(json: string): Json {
  if (!isDelicate(json)) return JSON.parse(json) as Json;
  // Of the text as it stands, since marks must not make JSON of what is none.
  JSON.parse(json);
  const marked = json.replace(DELICATE, (part, at: number) => {
    if (!part.startsWith('"')) return PLAIN_NUMBER.test(part) ? part : `"${NUMBER_MARK}${part}"`;
    const isKey = /^\s*:/.test(json.slice(at + part.length, at + part.length + 20));
    return isKey && INDEX_KEY.test(part) ? `"${KEY_MARK}${part.slice(1)}` : part;
  });
  return JSON.parse(marked) as Json;
}

/** The JSON text of a value of `parseAsWritten`. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value)
    .replace(/"\\u0001([^"]*)"/g, '$1')
    .replaceAll('"\\u0002', '"');
}

/** A number as it was written, or null for what is none. */
export function numberText(value: Json): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.startsWith('\u0001') ? value.slice(1) : null;
}
