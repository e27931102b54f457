import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { unpack } from '../../src/datasets/unpack.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { sha256OfFile } from '../../src/platform/files.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { cpuMs, dataProcesses, residentBytes } from '../support/processes.ts';

const MIB = 1024 ** 2;
/** Of a data process with nothing to do it is about 90 MiB. */
const MOST_RESIDENT_BYTES = 400 * MIB;
/** Of a core: what the disk takes for what is written until then is another matter, and beside other tests a long one. */
const REFUSED_WITHIN_CPU_MS = 15_000;

/** Packs standard input: at a level, at once, so that the frame says how long it is; or as a stream, at level 0. */
const PACK = `
import sys, pyarrow as pa
level, content = int(sys.argv[1]), sys.stdin.buffer.read()
if level == 0:
    with pa.CompressedOutputStream(sys.argv[2], 'zstd') as out: out.write(content)
else:
    with open(sys.argv[2], 'wb') as out: out.write(pa.Codec('zstd', compression_level=level).compress(content))
`;
/** Packs so many MiB of zeros. */
const ZEROS = `
import sys, pyarrow as pa
zeros = bytes(16 * 2**20)
with pa.CompressedOutputStream(sys.argv[2], sys.argv[3]) as out:
    for _ in range(int(sys.argv[1]) // 16): out.write(zeros)
`;

describe('unpacking', function () {
  this.timeout(180_000);
  let dir: string;
  let python: string;
  let packed: string;
  let target: string;

  before(async () => {
    python = await ensureTrainerPython({ env: loadEnv(), onProgress: () => {} });
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-unpack-'));
    packed = join(dir, 'packed');
    target = join(dir, 'target');
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const pack = async (content: Buffer, level: number): Promise<Buffer> => {
    await execa(python, ['-c', PACK, String(level), packed], { input: content });
    return await readFile(packed);
  };

  /** Text that packs about as data does, always the same. */
  function text(bytes: number): Buffer {
    const lines: string[] = [];
    for (let i = 0, length = 0; length < bytes; i++) {
      const word = createHash('sha256').update(String(i)).digest('hex').slice(0, 12);
      lines.push(`question ${i} about ${word},answer ${i * 7919} and ${word}`);
      length += lines[i]?.length ?? 0;
    }
    return Buffer.from(lines.join('\n')).subarray(0, bytes);
  }

  async function unpacksTo(content: Buffer, ofPacked: Buffer): Promise<void> {
    await writeFile(packed, ofPacked);
    await unpack(packed, 'zstd', target);
    assert.ok((await readFile(target)).equals(content), `${content.length} bytes from ${ofPacked.length}`);
  }

  it('zstd gives the same bytes, of any level, length and number of frames', async () => {
    const frames: { content: Buffer; packed: Buffer }[] = [];
    for (const [bytes, level] of [
      [0, 1],
      [1, 3],
      [1_000, 19],
      [128 * 1024, 3],
      [128 * 1024 + 1, 1],
      [5 * MIB, 3],
      [3 * MIB, 19],
      [2 * MIB, 0],
    ] as const) {
      const content = text(bytes);
      frames.push({ content, packed: await pack(content, level) });
    }
    const zeros = Buffer.alloc(3 * MIB);
    frames.push({ content: zeros, packed: await pack(zeros, 3) });
    for (const { content, packed: ofPacked } of frames) await unpacksTo(content, ofPacked);
    const skipped = Buffer.from('502a4d1803000000ffffff', 'hex');
    await unpacksTo(
      Buffer.concat(frames.map(({ content }) => content)),
      Buffer.concat([...frames.flatMap(({ packed: ofPacked }) => [ofPacked, skipped])]),
    );
  });

  it('zstd that is cut off anywhere, or has rubbish behind it, is refused', async () => {
    const whole = await pack(text(300_000), 3);
    for (const length of [5, 9, 17, 1_000, whole.length - 5, whole.length - 1]) {
      await writeFile(packed, whole.subarray(0, length));
      await assert.rejects(unpack(packed, 'zstd', target), /cannot be unpacked to its end/, `${length} bytes`);
    }
    await writeFile(packed, Buffer.concat([whole, Buffer.from('rubbish')]));
    await assert.rejects(unpack(packed, 'zstd', target), /cannot be unpacked to its end/);
  });

  /** In a process of its own, with a limit: without its protections such a file takes all the memory of the machine. */
  async function refused(content: Buffer, sentence: RegExp): Promise<void> {
    await writeFile(packed, content);
    const request = {
      sourcePath: packed,
      originalName: 'a.csv.zst',
      parquetPath: join(dir, 'a.parquet'),
      mapping: null,
    };
    await assert.rejects(ingestDataset(request, { mostResidentBytes: MOST_RESIDENT_BYTES }), sentence);
  }

  it('zstd with a window that would take the memory is refused before it does', async () => {
    // A window of 1.75 GiB, and one block that is empty.
    await refused(Buffer.from('28b52ffd00a6010000', 'hex'), /a window of 1792 MiB; 128 MiB are taken/);
  });

  it('a block of zstd that claims more than a block may give is refused', async () => {
    // 64,000 bytes of blocks that repeat a byte 2,097,151 times: 32 GB, if it were followed.
    const blocks = Array(16_000).fill(Buffer.from('faffff61', 'hex'));
    await refused(Buffer.concat([Buffer.from('28b52ffd0088', 'hex'), ...blocks]), /cannot be unpacked to its end/);
  });

  for (const packing of ['zstd', 'gzip']) {
    it(`a bomb of ${packing} is refused within seconds, and takes little memory`, async () => {
      // Before, 64 KB of zstd took 2.1 GB and 33 s. Push a chunk as it is read into the Decompress of fzstd, in place of
      // the parts of framePartsOf (src/datasets/unpack-zstd.ts), and it does again.
      const sourcePath = join(dir, 'source');
      await execa(python, ['-c', ZEROS, '1100', sourcePath, packing]);
      assert.ok((await stat(sourcePath)).size < 5 * MIB);
      const originalName = `a.csv.${packing === 'zstd' ? 'zst' : 'gz'}`;
      const request = { sourcePath, originalName, parquetPath: join(dir, 'a.parquet'), mapping: null };
      const others = new Set(await dataProcesses());
      // A process of its own, which has done nothing else before.
      const refused = assert.rejects(
        ingestDataset(request, { mostResidentBytes: MOST_RESIDENT_BYTES }),
        /unpacks to more than 200 times its/,
      );
      const most = await mostUsedUntil(refused, others);
      assert.ok(most.residentBytes < MOST_RESIDENT_BYTES, `${Math.round(most.residentBytes / MIB)} MiB`);
      assert.ok(most.cpuMs < REFUSED_WITHIN_CPU_MS, `${most.cpuMs} ms`);
      console.log(
        `      in ${most.cpuMs / 1000} s of a core, with at most ${Math.round(most.residentBytes / MIB)} MiB`,
      );
    });
  }

  it('gzip of several members gives all of them', async () => {
    const [a, b] = [text(100_000), text(50_000)];
    await writeFile(packed, Buffer.concat([gzipSync(a), gzipSync(b)]));
    await unpack(packed, 'gzip', target);
    assert.equal(await sha256OfFile(target), createHash('sha256').update(a).update(b).digest('hex'));
  });
});

/** The most memory and time of a core that a data process had, other than these, until `work` is done. */
async function mostUsedUntil(work: Promise<void>, others: Set<number>) {
  const most = { residentBytes: 0, cpuMs: 0 };
  let isDone = false;
  const watched = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    for (const pid of await dataProcesses()) {
      if (others.has(pid)) continue;
      most.residentBytes = Math.max(most.residentBytes, (await residentBytes(pid, 'at most')) ?? 0);
      most.cpuMs = Math.max(most.cpuMs, (await cpuMs(pid)) ?? 0);
    }
  }
  await watched;
  return most;
}
