import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { NoRoomError, readBytes, requireRoom } from '../files.ts';
import { DatasetError } from './dataset-error.ts';

export type Packing = 'gzip' | 'zstd';

/** First bytes by which a packed file is known, whatever its name: RFC 1952 and RFC 8878. */
const MAGIC: Record<Packing, number[]> = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd] };

/** More than this many times its packed size, and more than so many bytes, is no data: real text packs 3 to 50 times. */
const BOMB_FACTOR = 200;
const BOMB_LEAST_BYTES = 1024 ** 3;
const LOOK_FOR_ROOM_EVERY_BYTES = 64 * 1024 ** 2;

export async function packingOf(path: string): Promise<Packing | null> {
  const first = await readBytes(path, 4);
  const packings = Object.keys(MAGIC) as Packing[];
  return packings.find((packing) => MAGIC[packing].every((byte, i) => first[i] === byte)) ?? null;
}

/** Writes what is packed in `source` to `target`. @throws DatasetError when it is cut off or a bomb; NoRoomError */
export async function unpack(source: string, packing: Packing, target: string): Promise<void> {
  const { size } = await stat(source);
  try {
    await pipeline(
      createReadStream(source),
      packing === 'gzip' ? createGunzip() : new UnpackZstd(),
      new Guard(size, target),
      createWriteStream(target),
    );
  } catch (error) {
    if (error instanceof DatasetError || error instanceof NoRoomError) throw error;
    if (error instanceof ZstdError || (error instanceof Error && 'code' in error && /^Z_/.test(String(error.code)))) {
      throw new DatasetError(
        `file begins as ${packing} and cannot be unpacked to its end. Pack it again and upload it again.`,
      );
    }
    throw error;
  }
}

class ZstdError extends Error {}

/** Node has zstd of its own only from 22.15 on. */
class UnpackZstd extends Transform {
  readonly #unpacking = new Decompress((chunk) => void this.push(chunk));

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#feed(chunk, false, done);
  }

  override _flush(done: (error?: Error) => void): void {
    this.#feed(Buffer.alloc(0), true, done);
  }

  #feed(chunk: Buffer, isLast: boolean, done: (error?: Error) => void): void {
    try {
      this.#unpacking.push(chunk, isLast);
    } catch (error) {
      done(new ZstdError(String(error)));
      return;
    }
    done();
  }
}

/** Ends a bomb, and an unpacking for which the disk has no room, before they have filled it. */
class Guard extends Transform {
  readonly #packedBytes: number;
  readonly #target: string;
  #bytes = 0;
  #looked = 0;

  constructor(packedBytes: number, target: string) {
    super();
    this.#packedBytes = packedBytes;
    this.#target = target;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, chunk?: Buffer) => void): void {
    this.#bytes += chunk.length;
    if (this.#bytes > BOMB_LEAST_BYTES && this.#bytes > BOMB_FACTOR * this.#packedBytes) {
      done(
        new DatasetError(
          `file unpacks to more than ${BOMB_FACTOR} times its ${this.#packedBytes} bytes, as an archive bomb does. If it is data, upload it unpacked.`,
        ),
      );
      return;
    }
    if (this.#bytes - this.#looked < LOOK_FOR_ROOM_EVERY_BYTES) {
      done(null, chunk);
      return;
    }
    this.#looked = this.#bytes;
    requireRoom(this.#target, 0).then(() => done(null, chunk), done);
  }
}
