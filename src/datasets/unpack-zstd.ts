import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { DatasetError } from './dataset-error.ts';

/** The file is not what RFC 8878 describes. */
export class ZstdError extends Error {}

/** As the zstd command has it: what looks further back than that needs `--long` and an option to unpack it as well. */
const MOST_WINDOW_BYTES = 128 * 1024 ** 2;
/** RFC 8878, 3.1.1.2: a block never gives more. */
const MOST_BLOCK_BYTES = 128 * 1024;
const BLOCK_HEADER_BYTES = 3;
const MAGIC_BYTES = 4;

/** A part of a frame that unpacks to a block at most. */
interface FramePart {
  bytes: Buffer;
  isLastOfFrame: boolean;
}

/**
 * Unpacks zstd, of one frame or of several. The file is taken apart into its blocks first, of which none gives more than
 * 128 KiB: given a chunk of a file as it is read, a decompressor may make gigabytes of it before anybody sees a byte.
 * @throws ZstdError for what is damaged or cut off; DatasetError for a window of more than 128 MiB
 */
export async function* unpackZstd(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const parts = framePartsOf(new Bytes(packed));
  yield* NATIVE ? unpackNatively(parts, NATIVE) : unpackByFzstd(parts);
}

/** Node's own, which it has from 22.15 and 23.8 on: several times as fast. */
const NATIVE: (() => Transform) | null =
  'createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function'
    ? (zlib.createZstdDecompress as () => Transform)
    : null;

async function* unpackByFzstd(parts: AsyncIterable<FramePart>): AsyncGenerator<Buffer> {
  let blocks: Uint8Array[] = [];
  const decompress = new Decompress((block) => void blocks.push(block));
  /** What so many bytes more give. */
  const push = (bytes: Uint8Array, isLast: boolean) => {
    blocks = [];
    try {
      decompress.push(bytes, isLast);
    } catch (error) {
      throw new ZstdError(String(error));
    }
    return blocks
      .filter(({ length }) => length > 0)
      .map((block) => Buffer.from(block.buffer, block.byteOffset, block.length));
  };
  for await (const { bytes } of parts) yield* push(bytes, false);
  // It waits for more where a frame is only a few bytes long.
  yield* push(new Uint8Array(0), true);
}

/** A frame at a time: Node's takes what comes after the first one for rubbish. */
async function* unpackNatively(parts: AsyncGenerator<FramePart>, create: () => Transform): AsyncGenerator<Buffer> {
  for (let first = await parts.next(); !first.done; first = await parts.next()) {
    const unpacked = create();
    // Whatever ends one of the two ends the other, and what ended it is thrown below.
    pipeline(Readable.from(restOfFrame(first.value, parts)), unpacked, () => {});
    try {
      for await (const piece of unpacked) yield piece;
    } catch (error) {
      throw error instanceof Error && 'code' in error && /^ZSTD_/i.test(String(error.code))
        ? new ZstdError(error.message)
        : error;
    }
  }
}

async function* restOfFrame(first: FramePart, parts: AsyncGenerator<FramePart>): AsyncGenerator<Buffer> {
  yield first.bytes;
  for (let isLast = first.isLastOfFrame; !isLast; ) {
    const { value, done } = await parts.next();
    if (done) return;
    yield value.bytes;
    isLast = value.isLastOfFrame;
  }
}

/**
 * The parts of all frames. Each has the header of the next block at its end, and the first one of a frame the frame's own:
 * so fzstd, which keeps what it has not used yet, always has some left, and forgets what it has used.
 */
async function* framePartsOf(packed: Bytes): AsyncGenerator<FramePart> {
  while (!(await packed.isAtEnd())) {
    const magic = await packed.take(MAGIC_BYTES);
    if (isSkippable(magic)) {
      const length = await packed.take(4);
      await packed.skip(length.readUInt32LE());
      continue;
    }
    const { bytes: frameHeader, windowBytes, hasChecksum } = await frameHeaderOf(magic, packed);
    const mostBytes = Math.min(windowBytes, MOST_BLOCK_BYTES);
    let blockHeader = await packed.take(BLOCK_HEADER_BYTES);
    yield { bytes: Buffer.concat([frameHeader, blockHeader]), isLastOfFrame: false };
    for (;;) {
      const { bytes, isLast } = blockOf(blockHeader, mostBytes);
      const content = await packed.take(bytes);
      const following = await packed.take(isLast ? (hasChecksum ? 4 : 0) : BLOCK_HEADER_BYTES);
      yield { bytes: Buffer.concat([content, following]), isLastOfFrame: isLast };
      if (isLast) break;
      blockHeader = following;
    }
  }
}

/** RFC 8878, 3.1.2: a frame that holds no data. */
function isSkippable(magic: Buffer): boolean {
  return (magic.readUInt32LE() & 0xfffffff0) >>> 0 === 0x184d2a50;
}

/** RFC 8878, 3.1.1.1. */
async function frameHeaderOf(magic: Buffer, packed: Bytes) {
  if (magic.readUInt32LE() !== 0xfd2fb528) throw new ZstdError('A frame does not begin as one.');
  const first = await packed.take(1);
  const descriptor = first.readUInt8();
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const windowField = await packed.take(isSingleSegment ? 0 : 1);
  const dictionary = await packed.take([0, 1, 2, 4][descriptor & 3] ?? 0);
  const size = await packed.take([isSingleSegment ? 1 : 0, 2, 4, 8][sizeFlag] ?? 0);
  if (dictionary.some((byte) => byte !== 0)) throw new ZstdError('It was packed with a dictionary.');
  const windowBytes = isSingleSegment ? contentBytesOf(size) : windowBytesOf(windowField.readUInt8());
  if (windowBytes > MOST_WINDOW_BYTES) {
    throw new DatasetError(
      `file was packed by zstd with a window of ${Math.ceil(windowBytes / 1024 ** 2)} MiB; ${MOST_WINDOW_BYTES / 1024 ** 2} MiB are taken. Pack it again without --long, or upload it unpacked.`,
    );
  }
  const bytes = Buffer.concat([magic, first, windowField, dictionary, size]);
  return { bytes, windowBytes, hasChecksum: (descriptor & 4) !== 0 };
}

function windowBytesOf(field: number): number {
  const base = 2 ** (10 + (field >> 3));
  return base + (base / 8) * (field & 7);
}

function contentBytesOf(size: Buffer): number {
  if (size.length === 8) return Number(size.readBigUInt64LE());
  return size.length === 2 ? size.readUInt16LE() + 256 : size.readUIntLE(0, size.length);
}

/** How much follows the header of a block, and whether the block is the last one. RFC 8878, 3.1.1.2. */
function blockOf(header: Buffer, mostBytes: number): { bytes: number; isLast: boolean } {
  const value = header.readUIntLE(0, BLOCK_HEADER_BYTES);
  const type = (value >> 1) & 3;
  const size = value >> 3;
  if (type === 3 || size > mostBytes) throw new ZstdError('A block is of no known type, or too large.');
  // One byte that is repeated, or the bytes themselves.
  return { bytes: type === 1 ? 1 : size, isLast: (value & 1) === 1 };
}

/** The bytes of a stream, by their number. */
class Bytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  /** @throws ZstdError when there are fewer left */
  async take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) if (!(await this.#more())) throw new ZstdError('It is cut off.');
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  /** @throws ZstdError when there are fewer left */
  async skip(count: number): Promise<void> {
    let left = count;
    while (left > this.#rest.length) {
      left -= this.#rest.length;
      this.#rest = Buffer.alloc(0);
      if (!(await this.#more())) throw new ZstdError('It is cut off.');
    }
    this.#rest = this.#rest.subarray(left);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }
}
