import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DatasetError } from './dataset-error.ts';

export type SourceKind = 'csv' | 'json';

/** What may be uploaded, by the end of its name. Content decides the rest: gzip, and JSON lines under a .json name. */
const EXTENSIONS: Record<string, SourceKind> = { csv: 'csv', json: 'json', jsonl: 'json', ndjson: 'json' };

/** @throws DatasetError for a name that is neither CSV nor JSON. */
export function kindOf(originalName: string): SourceKind {
  const extension = originalName.toLowerCase().replace(/\.gz$/, '').split('.').at(-1) ?? '';
  const kind = EXTENSIONS[extension];
  if (!kind)
    throw new DatasetError(
      `file is named ${JSON.stringify(originalName)}; upload .csv, .json, .jsonl or .ndjson, plain or with .gz.`,
    );
  return kind;
}

/** Lets UTF-8 without NUL through, without its byte order mark, and counts lines for the message. */
class CleanText extends Transform {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #line = 1;

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#pass(() => this.#decoder.decode(chunk, { stream: true }), done);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(() => this.#decoder.decode(), done);
  }

  #pass(decode: () => string, done: TransformCallback): void {
    let text: string;
    try {
      text = decode();
    } catch {
      done(new DatasetError(`file is not UTF-8 near line ${this.#line}. Save it as UTF-8 and upload it again.`));
      return;
    }
    const nul = text.indexOf('\0');
    for (const character of nul === -1 ? text : text.slice(0, nul)) if (character === '\n') this.#line++;
    if (nul === -1) done(null, text);
    else
      done(
        new DatasetError(
          `file has a NUL character in line ${this.#line}: it is no text. Upload CSV or JSON as plain text.`,
        ),
      );
  }
}

/** Writes the source as plain UTF-8 text to `target`: unpacked if it is gzip, whatever its name says. */
export async function normalise(source: string, target: string): Promise<void> {
  const file = await open(source);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0).finally(() => file.close());
  if (bytesRead === 0) throw new DatasetError('file is empty. Upload one with at least one row.');
  const isGzip = buffer[0] === 0x1f && buffer[1] === 0x8b;
  const clean = new CleanText();
  const output = createWriteStream(target);
  try {
    if (isGzip) await pipeline(createReadStream(source), createGunzip(), clean, output);
    else await pipeline(createReadStream(source), clean, output);
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw new DatasetError(
        'file begins as gzip and cannot be unpacked to its end. Pack it again and upload it again.',
      );
    }
    throw error;
  }
}
