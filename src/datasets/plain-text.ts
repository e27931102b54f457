import { isUtf8 } from 'node:buffer';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { analyse } from 'chardet';
import { fileTypeFromFile } from 'file-type';
import { readBytes } from '../platform/files.ts';
import { DatasetError } from './dataset-error.ts';

const CHUNK_BYTES = 1024 ** 2;
/** What is looked at to tell encodings apart. */
const SAMPLE_BYTES = 256 * 1024;

export interface PlainText {
  path: string;
  /** What was converted, as sentences. */
  notes: string[];
  /** Whether JSON in it may hold a NUL, as an escape. */
  hasNulEscape: boolean;
}

/** How a text is written that is not UTF-8 already. */
type Conversion = { encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'; says: string | null };

/**
 * A file's text as UTF-8 without NUL and without a byte order mark: the file itself where it is that, or `target`,
 * written from it.
 * @throws DatasetError for what is no text, or in an encoding that cannot be told for sure
 */
export async function plainText(path: string, target: string): Promise<PlainText> {
  const { conversion, hasNulEscape } = await look(path);
  if (!conversion) return { path, notes: [], hasNulEscape };
  await pipeline(createReadStream(path), new ToUtf8(conversion), createWriteStream(target));
  return { path: target, notes: conversion.says === null ? [] : [conversion.says], hasNulEscape };
}

async function look(path: string): Promise<{ conversion: Conversion | null; hasNulEscape: boolean }> {
  const sample = await readBytes(path, SAMPLE_BYTES);
  if (sample.length === 0) throw new DatasetError('file is empty. Upload one with at least one row.');
  const utf16 = utf16Of(sample);
  // What is converted was not looked through.
  if (utf16) {
    const says = 'The file was UTF-16; it was converted to UTF-8.';
    return { conversion: { encoding: utf16, says }, hasNulEscape: true };
  }
  const { wrong, hasNulEscape } = await lookThrough(path);
  if (!wrong) return { conversion: hasUtf8Mark(sample) ? { encoding: 'utf-8', says: null } : null, hasNulEscape };
  if (wrong.byte !== 0 && isLatin1(await sampleAround(path, wrong.offset))) {
    const says = 'The file was Latin-1 (Windows-1252); it was converted to UTF-8.';
    return { conversion: { encoding: 'windows-1252', says }, hasNulEscape: true };
  }
  throw await refusal(path, wrong);
}

function hasUtf8Mark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** By its byte order mark; or, without one, by the zeros that are every other byte of Western text. */
function utf16Of(sample: Buffer): 'utf-16le' | 'utf-16be' | null {
  const [first, second] = sample;
  const isUtf32 = sample.length >= 4 && sample.readUInt16LE(2) === 0;
  if (first === 0xff && second === 0xfe && !isUtf32) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  const zeros = [0, 0];
  for (const [i, byte] of sample.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  // A third of the characters at least, and no zero where a character's other byte is.
  if (odd > sample.length / 6 && even === 0) return 'utf-16le';
  if (even > sample.length / 6 && odd === 0) return 'utf-16be';
  return null;
}

interface Wrong {
  offset: number;
  byte: number;
}

/** The escape by which JSON writes a NUL. */
const NUL_ESCAPE = '\\u0000';

/** The first NUL, or the first byte that is no UTF-8; and whether the escape of a NUL is anywhere before. */
async function lookThrough(path: string): Promise<{ wrong: Wrong | null; hasNulEscape: boolean }> {
  let hasNulEscape = false;
  let end: Buffer = Buffer.alloc(0);
  let offset = 0;
  let carried: Buffer = Buffer.alloc(0);
  for await (const read of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    const chunk: Buffer = carried.length > 0 ? Buffer.concat([carried, read as Buffer]) : (read as Buffer);
    const whole = chunk.subarray(0, chunk.length - unfinishedBytes(chunk));
    const nul = whole.indexOf(0);
    const invalid = isUtf8(whole) ? -1 : firstInvalid(whole);
    const at = [nul, invalid].filter((found) => found !== -1);
    if (at.length > 0) return { wrong: wrongAt(whole, offset, Math.min(...at)), hasNulEscape };
    hasNulEscape ||= whole.includes(NUL_ESCAPE) || Buffer.concat([end, whole.subarray(0, 5)]).includes(NUL_ESCAPE);
    end = whole.subarray(-5);
    offset += whole.length;
    carried = chunk.subarray(whole.length);
  }
  return { wrong: carried.length > 0 ? wrongAt(carried, offset, 0) : null, hasNulEscape };
}

function wrongAt(bytes: Buffer, offset: number, at: number): Wrong {
  return { offset: offset + at, byte: bytes[at] ?? 0 };
}

/** Bytes at the end that begin a character whose rest is in the next chunk. */
function unfinishedBytes(chunk: Buffer): number {
  for (let back = 1; back <= Math.min(3, chunk.length); back++) {
    const byte = chunk[chunk.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

/** Where the longest valid beginning ends, by halving and then one by one. */
function firstInvalid(bytes: Buffer): number {
  let low = 0;
  let high = bytes.length;
  while (high - low > 64) {
    const middle = (low + high) >> 1;
    const part = bytes.subarray(low, middle);
    const whole = part.subarray(0, part.length - unfinishedBytes(part));
    if (isUtf8(whole)) low += whole.length;
    else high = middle;
  }
  for (let end = high; end > low; end--) if (isUtf8(bytes.subarray(low, end))) return end;
  return low;
}

async function sampleAround(path: string, offset: number): Promise<Buffer> {
  return await readBytes(path, SAMPLE_BYTES, Math.max(0, offset - SAMPLE_BYTES / 2));
}

/** Encodings that this text may be called by those who guess from letters: all of them are Latin-1 with other names. */
const WESTERN = ['ISO-8859-1', 'windows-1252', 'ISO-8859-2', 'windows-1250', 'ISO-8859-9', 'windows-1254', 'ASCII'];

/** No control characters, hardly anything that is UTF-8 as well, and no likelier encoding. */
function isLatin1(sample: Buffer): boolean {
  const text = sample.toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\0-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d]/.test(text)) return false;
  const high = text.match(/[\x80-\xff]+/g) ?? [];
  const alsoUtf8 = text.match(/[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g) ?? [];
  if (alsoUtf8.length > high.length / 20) return false;
  return WESTERN.includes(guessedEncoding(sample));
}

/** Percent from which on a guess is believed. */
const SURE = 30;

function guessedEncoding(sample: Buffer): string {
  return analyse(sample).find(({ name, confidence }) => name !== 'UTF-8' && confidence >= SURE)?.name ?? 'ASCII';
}

async function refusal(path: string, wrong: Wrong): Promise<DatasetError> {
  const type = await fileTypeFromFile(path);
  if (type) {
    return new DatasetError(
      `file is no text: it holds ${type.ext} (${type.mime}). Upload its data as CSV, JSON, JSON lines or Parquet.`,
    );
  }
  const line = await lineAt(path, wrong.offset);
  if (wrong.byte === 0) {
    return new DatasetError(
      `file has a NUL character in line ${line}: it is no text. Upload CSV or JSON as plain text.`,
    );
  }
  const guess = guessedEncoding(await sampleAround(path, wrong.offset));
  const other = WESTERN.includes(guess) ? '' : `; it may be ${guess}`;
  return new DatasetError(
    `file is not UTF-8: line ${line} has the byte 0x${wrong.byte.toString(16)} that is none${other}. Save it as UTF-8 and upload it again.`,
  );
}

/** The line, from 1, that the byte at this offset is in. */
async function lineAt(path: string, offset: number): Promise<number> {
  let line = 1;
  if (offset === 0) return line;
  for await (const chunk of createReadStream(path, { end: offset - 1 })) line += lineEnds(chunk as Buffer);
  return line;
}

export function lineEnds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

class ToUtf8 extends Transform {
  readonly #decoder: InstanceType<typeof TextDecoder>;
  #line = 1;

  constructor({ encoding }: Conversion) {
    super();
    this.#decoder = new TextDecoder(encoding, { fatal: true });
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#convert(() => this.#decoder.decode(chunk, { stream: true }), done);
  }

  override _flush(done: TransformCallback): void {
    this.#convert(() => this.#decoder.decode(), done);
  }

  #convert(decode: () => string, done: TransformCallback): void {
    let text: string;
    try {
      text = decode();
    } catch {
      done(this.#refusal('a broken character near'));
      return;
    }
    const nul = text.indexOf('\0');
    this.#line += (nul === -1 ? text : text.slice(0, nul)).split('\n').length - 1;
    if (nul === -1) done(null, Buffer.from(text));
    else done(this.#refusal('a NUL character in'));
  }

  #refusal(what: string): DatasetError {
    return new DatasetError(`file has ${what} line ${this.#line}. Save it as UTF-8 and upload it again.`);
  }
}
