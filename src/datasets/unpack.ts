import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { NoRoomError, readBytes, requireRoom } from '../platform/files.ts';
import { DatasetError } from './dataset-error.ts';
import { unpackZstd, ZstdError } from './unpack-zstd.ts';

export type Packing = 'gzip' | 'zstd';

/** First bytes by which a packed file is known, whatever its name: RFC 1952 and RFC 8878. */
const MAGIC: Record<Packing, number[]> = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd] };

/** More than this many times its packed size, and more than so many bytes, is no data: real text packs 3 to 50 times. */
const BOMB_FACTOR = 200;
const BOMB_LEAST_BYTES = 1024 ** 3;
const LOOK_FOR_ROOM_EVERY_BYTES = 64 * 1024 ** 2;
/** What is read, unpacked and written at once. */
const PIECE_BYTES = 256 * 1024;

export async function packingOf(path: string): Promise<Packing | null> {
  const first = await readBytes(path, 4);
  const packings = Object.keys(MAGIC) as Packing[];
  return packings.find((packing) => MAGIC[packing].every((byte, i) => first[i] === byte)) ?? null;
}

/**
 * Writes what is packed in `source` to `target`, piece by piece: no step takes more memory than some pieces, or a zstd
 * window, however much the file unpacks to, and what comes next waits until the disk has taken what came before.
 * @throws DatasetError when it is cut off or a bomb; NoRoomError
 */
export async function unpack(source: string, packing: Packing, target: string): Promise<void> {
  const { size } = await stat(source);
  try {
    await pipeline(
      createReadStream(source, { highWaterMark: PIECE_BYTES }),
      packing === 'gzip' ? createGunzip({ chunkSize: PIECE_BYTES }) : unpackZstd,
      (pieces: AsyncIterable<Buffer>) => guard(pieces, size, target),
      createWriteStream(target, { highWaterMark: PIECE_BYTES }),
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

/** Ends a bomb, and an unpacking for which the disk has no room, before they have filled it. */
async function* guard(pieces: AsyncIterable<Buffer>, packedBytes: number, target: string): AsyncGenerator<Buffer> {
  let bytes = 0;
  let looked = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > BOMB_LEAST_BYTES && bytes > BOMB_FACTOR * packedBytes) {
      throw new DatasetError(
        `file unpacks to more than ${BOMB_FACTOR} times its ${packedBytes} bytes, as an archive bomb does. If it is data, upload it unpacked.`,
      );
    }
    if (bytes - looked >= LOOK_FOR_ROOM_EVERY_BYTES) {
      looked = bytes;
      await requireRoom(target, 0);
    }
    yield piece;
  }
}
