import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataProcessesBusy, DataProcessKilled } from '../../src/datasets/data-process.ts';
import { inReader } from '../../src/datasets/in-data-process.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { dataProcesses } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { until } from '../support/service.ts';

describe('readers of rows', function () {
  this.timeout(120_000);
  let dir: string;
  const dataset = { parquet_path: '', columns: ['input', 'output'], mapping: null };
  const preview = (count = 1) => inReader('preview', { dataset, offset: 0, count });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-readers-'));
    dataset.parquet_path = join(dir, 'rows.parquet');
    await ingest(csvRows(100), 'rows');
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function ingest(rows: string, name: string): Promise<void> {
    const sourcePath = join(dir, `${name}.csv`);
    await writeFile(sourcePath, rows);
    const parquetPath = join(dir, `${name}.parquet`);
    await ingestDataset({ sourcePath, originalName: 'a.csv', parquetPath, mapping: null });
  }

  it('are two at most, which do one piece of work after another', async () => {
    // Other files of tests have readers in this process as well.
    for (const pid of await dataProcesses()) process.kill(pid, 'SIGKILL');
    await until('those of before to be gone', async () => ((await dataProcesses()).length === 0 ? true : null));
    // The pool may hear of their end later than the system does.
    await Promise.allSettled([preview(), preview()]);
    await Promise.all(Array.from({ length: 12 }, () => preview()));
    const readers = await dataProcesses();
    assert.equal(readers.length, 2);
    await preview();
    assert.deepEqual(await dataProcesses(), readers);
  });

  it('refuse what would wait behind too many', async () => {
    // Two at work, and 32 that wait. Take mostWaiting out of src/datasets/in-data-process.ts and none is refused.
    const asked = await Promise.allSettled(Array.from({ length: 40 }, () => preview()));
    const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    assert.equal(refused.length, 6);
    assert.ok(
      refused.every((error) => error instanceof DataProcessesBusy),
      String(refused[0]),
    );
  });

  it('do not wait for conversions, however many there are', async () => {
    // Let inReader use the pool of the others, and the preview comes after the first conversions.
    let converted = 0;
    const rows = csvRows(300_000);
    const converting = Array.from({ length: 6 }, (_, i) => ingest(rows, `large-${i}`).then(() => void converted++));
    await until('conversions to be under way', async () =>
      (await readdir(dir)).filter((name) => name.endsWith('.partial')).length === 6 ? true : null,
    );
    assert.equal((await preview()).length, 1);
    assert.equal(converted, 0);
    await Promise.all(converting);
  });

  it('that are killed say so, and what is asked again is answered', async () => {
    const asked = [preview(100), preview(100)];
    for (const pid of await dataProcesses()) process.kill(pid, 'SIGKILL');
    const errors = (await Promise.allSettled(asked)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const again = await until('rows', () =>
      preview().catch((error) => {
        errors.push(error);
        return null;
      }),
    );
    assert.equal(again.length, 1);
    assert.ok(
      errors.every((error) => error instanceof DataProcessKilled),
      String(errors),
    );
  });
});
