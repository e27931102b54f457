import assert from 'node:assert/strict';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { DataProcessOptions } from '../../src/datasets/data-process.ts';
import { DatasetError } from '../../src/datasets/dataset-error.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { previewRows } from '../../src/datasets/preview.ts';
import { WHOLE } from '../../src/datasets/shares.ts';
import { writeMixture } from '../../src/datasets/write-mixture.ts';
import { until } from '../support/service.ts';

const MIB = 1024 ** 2;

describe('a file that is too much', function () {
  this.timeout(120_000);
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-limits-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  async function ingest(name: string, content: string | Buffer, options: DataProcessOptions = {}) {
    const sourcePath = join(dir, 'source');
    await writeFile(sourcePath, content);
    const request = { sourcePath, originalName: name, parquetPath: join(dir, 'out.parquet'), mapping: null };
    return await ingestDataset(request, options);
  }

  /** It is refused with a sentence, and nothing of it is left. */
  async function refused(sentence: RegExp, ...file: Parameters<typeof ingest>): Promise<void> {
    await assert.rejects(ingest(...file), (error) => error instanceof DatasetError && sentence.test(error.message));
    assert.deepEqual(await readdir(dir), ['source']);
  }

  const csv = (rows: number) => `input,output\n${'a question,an answer\n'.repeat(rows)}`;
  const row = (mib: number) => `${JSON.stringify({ input: 'a', output: 'x'.repeat(mib * MIB) })}\n`;

  const cell = (mib: number) => `input,output\n"a","${'x'.repeat(mib * MIB)}"\n`;

  it('an archive bomb', async () => {
    // A gzip file may be several, one after the other: 1.2 GiB of them from 1.2 MiB.
    const tenMib = gzipSync(Buffer.alloc(10 * MIB, 'a,b\n'));
    await refused(/unpacks to more than 200 times its \d+ bytes/, 'a.csv.gz', Buffer.concat(Array(125).fill(tenMib)));
  });

  it('rows of up to 32 MiB are taken, and longer ones are refused', async () => {
    assert.equal((await ingest('a.jsonl', row(1) + row(30))).rowCount, 2);
    for (const made of await readdir(dir)) if (made.startsWith('out.')) await rm(join(dir, made));
    await refused(/^file has an object of more than 33554432 bytes. Split it/, 'a.jsonl', row(1) + row(70));
    await refused(
      /line 2: a quoted cell in the column "output" is never closed, or is longer than 32 MiB/,
      'a.csv',
      cell(70),
    );
    assert.equal((await ingest('a.csv', cell(30))).rowCount, 1);
  });

  it('a long cell is not blamed for what another line did', async () => {
    const lines = ['input,output', `"a","${'x'.repeat(3 * MIB)}"`, ...Array(6).fill('a,b'), 'a,b,c'];
    await refused(/in line 9: it has 3 cells where the header has 2.*\. Mend that line/s, 'a.csv', lines.join('\n'));
  });

  it('rows that only just are not too long are mixed as well, and a preview of them is refused', async () => {
    const short = Array.from({ length: 8 }, (_, i) => `${JSON.stringify({ input: `b ${i}`, output: 'c' })}\n`);
    const rows = row(1) + row(30) + short.join('');
    const { columns, mapping, sha256 } = await ingest('a.jsonl', rows);
    assert.ok(mapping);
    const parquetPath = join(dir, 'out.parquet');
    const choices = {
      maxRows: null,
      traits: [{ trait: 'all', datasets: [{ datasetId: 1, percentageThousandths: WHOLE }] }],
    };
    const datasets = [{ id: 1, parquetPath, mapping, sha256 }];
    const { train, held_out } = await writeMixture({ choices, datasets, seed: 1, dir: join(dir, 'mixture') });
    assert.deepEqual([train.rows, held_out.rows], [9, 1]);
    const dataset = { parquet_path: parquetPath, columns, mapping };
    await assert.rejects(previewRows({ dataset, offset: 0, count: 10 }), /too long to be shown here/);
  });

  it('more memory than it may take', async () => {
    const options = { mostResidentBytes: 100 * MIB };
    await refused(/^To convert file takes more memory than it may .0.1 GiB.. Split/, 'a.csv', csv(1_000_000), options);
  });

  it('more time than it may take', async () => {
    await refused(/^To convert file takes longer than 0.05 s. Split/, 'a.csv', csv(2_000_000), { timeLimitMs: 50 });
  });

  it('or only large: tells how far it is', async () => {
    const told: number[] = [];
    await ingest('a.csv', csv(6_000_000), { onProgress: (percent) => told.push(percent) });
    assert.ok(told.length > 0);
    assert.ok(
      told.every((percent, i) => percent > 0 && percent <= 100 && percent >= (told[i - 1] ?? 0)),
      `${told}`,
    );
  });

  it('what is given up ends with the reason, and leaves nothing', async () => {
    const giveUp = new AbortController();
    const reason = new Error('Nobody wants it any more.');
    const converting = assert.rejects(ingest('a.csv', csv(2_000_000), { signal: giveUp.signal }), reason);
    await until('the conversion to write', () =>
      access(join(dir, 'out.parquet.partial', 'whole.parquet')).then(
        () => true,
        () => null,
      ),
    );
    giveUp.abort(reason);
    await converting;
    assert.deepEqual(await readdir(dir), ['source']);
  });
});
