import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import parseRange from 'range-parser';
import { ifThere } from '../../platform/files.ts';
import { ApiError } from './errors.ts';

const READ_BYTES = 256 * 1024;

/** A file as it was when it was looked at. */
export interface FilePiece {
  path: string;
  bytes: number;
  /** When it was last changed. */
  mtimeNs: bigint;
}

/** What is sent lies in pieces, one after the other: bytes, and files, which are opened one at a time when it is their turn. */
export type Piece = Buffer | FilePiece;

export interface Download {
  /** The name under which a browser keeps it. */
  name: string;
  contentType: string;
  pieces: Piece[];
}

/** A file that is sent as it is. @throws ApiError 404 with this sentence when it is not there */
export async function filePiece(path: string, gone: string): Promise<FilePiece> {
  const { size, mtimeNs } = await requireFile(path, gone);
  return { path, bytes: Number(size), mtimeNs };
}

/** What the system says of a file. @throws ApiError 404 with this sentence when it is not there */
export async function requireFile(path: string, gone: string): Promise<BigIntStats> {
  const found = await ifThere(stat(path, { bigint: true }));
  if (found === null) throw new ApiError(404, gone);
  return found;
}

/**
 * Answers with all of it, or with the one range that the client asks for. The length is known, so that who gets fewer bytes
 * knows it, and a download that broke off goes on where it was: its ETag says whether it still is the same.
 * @returns the body: it opens nothing before it is read, and has nothing open when it is destroyed
 * @throws ApiError 416 for a range beyond its end
 */
export function sendDownload(ctx: Context, { name, contentType, pieces }: Download): Readable | null {
  const total = pieces.reduce((sum, piece) => sum + bytesOf(piece), 0);
  const etag = etagOf(pieces);
  ctx.set({ ETag: etag, 'Accept-Ranges': 'bytes' });
  if (ctx.fresh) {
    ctx.status = 304;
    return null;
  }
  const range = rangeOf(ctx, total, etag);
  ctx.attachment(name);
  ctx.type = contentType;
  const { start, end } = range ?? { start: 0, end: total - 1 };
  if (range) {
    ctx.status = 206;
    ctx.set('Content-Range', `bytes ${start}-${end}/${total}`);
  }
  ctx.length = end + 1 - start;
  return Readable.from(read(pieces, start, end + 1), { objectMode: false, highWaterMark: READ_BYTES });
}

/** The one range that is asked for, by the numbers of its first and last byte; null: all of it is sent. */
function rangeOf(ctx: Context, total: number, etag: string): { start: number; end: number } | null {
  const asked = ctx.get('Range');
  const ifRange = ctx.get('If-Range');
  // A date in If-Range does not tell two changes within a second apart.
  if (asked === '' || (ifRange !== '' && ifRange !== etag)) return null;
  const ranges = parseRange(total, asked);
  if (ranges === -1) {
    ctx.set('Content-Range', `bytes */${total}`);
    throw new ApiError(416, `Range is ${JSON.stringify(asked)}, and there are ${total} bytes. Ask for some of them.`);
  }
  // A server may answer with all of it: what is no range, or several, is not worth more.
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return null;
  return ranges[0] ?? null;
}

/** Another one as soon as a name, a length or a time is another. */
function etagOf(pieces: Piece[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(Buffer.isBuffer(piece) ? piece : `\0${piece.bytes} ${piece.mtimeNs}\0`);
  return `"${hash.digest('base64url')}"`;
}

function bytesOf(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.bytes;
}

/** The bytes from `start` to before `end`. */
async function* read(pieces: Piece[], start: number, end: number): AsyncGenerator<Buffer> {
  let position = 0;
  for (const piece of pieces) {
    const from = Math.max(0, start - position);
    const to = Math.min(bytesOf(piece), end - position);
    position += bytesOf(piece);
    if (from >= to) continue;
    if (Buffer.isBuffer(piece)) yield piece.subarray(from, to);
    else yield* readFile(piece, from, to);
  }
}

/** @throws Error when it is not the file any more that was looked at: the connection is broken then, and the client sees it */
async function* readFile({ path, bytes, mtimeNs }: FilePiece, from: number, to: number): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const now = await file.stat({ bigint: true });
    if (now.size !== BigInt(bytes) || now.mtimeNs !== mtimeNs)
      throw new Error(`${path} was changed while it was sent.`);
    for (let at = from; at < to; ) {
      const count = Math.min(READ_BYTES, to - at);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(count), 0, count, at);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was sent.`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
