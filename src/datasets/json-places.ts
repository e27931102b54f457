import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A row of a file, or what stands where none can be: where it begins, and its text or what is the matter. */
export interface Place {
  /** From 1. */
  line: number;
  /** In the file, from 0. Not known of rows that are read line by line. */
  byte?: number;
  text?: string;
  problem?: string;
}

/** The rows of a file with one object per line. */
export async function* linesOf(path: string): AsyncGenerator<Place> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() !== '') yield { line, text };
  }
}

const LINE_BREAK = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BEGIN_ARRAY = 0x5b;
const END_ARRAY = 0x5d;
const BEGIN_OBJECT = 0x7b;
const END_OBJECT = 0x7d;
const WHITE = new Set([0x20, 0x09, LINE_BREAK, 0x0d]);

/** What is to come between two rows of an array. */
type Expected = 'array' | 'first row or end' | 'row' | 'comma or end' | 'nothing';

const CUT_OFF: Record<Expected, string | null> = {
  array: null,
  'first row or end': 'the array has no end: the file was cut off behind its beginning',
  row: 'the array ends behind a comma: the file was cut off there, as a download that broke off is',
  'comma or end': 'the array has no closing bracket: the file was cut off there, as a download that broke off is',
  nothing: null,
};

/**
 * The values of an array, or those that follow each other without one, and what is wrong between them; at last what there
 * is of one that is cut off. Ends behind the first place of an array at which it is not one.
 */
export async function* valuesOf(path: string, inArray: boolean): AsyncGenerator<Place> {
  let expected: Expected = 'array';
  let line = 1;
  /** Of the chunk. */
  let at = 0;
  let depth = 0;
  let inText = false;
  let escaped = false;
  let value: { line: number; byte: number; parts: Buffer[] } | null = null;
  /** Behind the last byte that is not white. */
  let last = { line, byte: 0 };
  for await (const chunk of createReadStream(path)) {
    const bytes = chunk as Buffer;
    let from = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === LINE_BREAK) line++;
      if (escaped) escaped = false;
      else if (inText) {
        if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inText = false;
      } else if (!WHITE.has(byte)) {
        const here = { line, byte: at + i };
        last = { line, byte: at + i + 1 };
        if (value === null) {
          if (inArray) {
            const next = following(expected, byte);
            if (typeof next === 'object') return yield { ...here, ...next };
            expected = next;
            if (next !== 'comma or end' || byte === END_ARRAY) continue;
          }
          value = { ...here, parts: [] };
          from = i;
        }
        if (byte === QUOTE) inText = true;
        else if (byte === BEGIN_OBJECT || byte === BEGIN_ARRAY) depth++;
        else if (depth > 0 && (byte === END_OBJECT || byte === END_ARRAY) && --depth === 0) {
          yield { line: value.line, byte: value.byte, text: textOf(value.parts, bytes.subarray(from, i + 1)) };
          value = null;
        } else if (depth === 0 && (byte === COMMA || byte === END_ARRAY)) {
          // It was a number or a word.
          yield { line: value.line, byte: value.byte, text: textOf(value.parts, bytes.subarray(from, i)) };
          value = null;
          expected = byte === COMMA ? 'row' : 'nothing';
        }
      }
    }
    if (value) value.parts.push(bytes.subarray(from));
    at += bytes.length;
  }
  if (value) yield { line: value.line, byte: value.byte, text: textOf(value.parts) };
  const problem = CUT_OFF[expected];
  if (inArray && !value && problem !== null) yield { ...last, problem };
}

function textOf(parts: Buffer[], ...more: Buffer[]): string {
  return Buffer.concat([...parts, ...more]).toString('utf8');
}

/** What is expected behind a byte that stands between two rows. */
function following(expected: Expected, byte: number): Expected | { problem: string } {
  switch (expected) {
    case 'array':
      return byte === BEGIN_ARRAY ? 'first row or end' : { problem: 'an array was expected' };
    case 'first row or end':
    case 'row':
      if (byte === END_ARRAY)
        return expected === 'row' ? { problem: 'the array ends behind a comma that no row follows' } : 'nothing';
      return byte === COMMA ? { problem: 'a comma stands where a row was expected' } : 'comma or end';
    case 'comma or end':
      if (byte === COMMA) return 'row';
      return byte === END_ARRAY ? 'nothing' : { problem: 'a comma is missing between two rows' };
    case 'nothing':
      return {
        problem:
          byte === BEGIN_ARRAY
            ? 'a second array begins behind the first; make one of them'
            : 'there is more behind the end of the array',
      };
  }
}
