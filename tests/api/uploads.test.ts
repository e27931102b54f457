import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Dataset } from '../../src/models/dataset.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { csvRows } from '../support/rows.ts';
import { until } from '../support/service.ts';

const LIMIT_BYTES = 1_000_000;
const BOUNDARY = 'a-boundary';

/** A part of a form as it goes over the line. */
function part(disposition: string, content: string, type?: string): string {
  const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`;
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n${typeLine}\r\n${content}\r\n`;
}

const NAME = part('name="name"', 'rows');
const FILE = part('name="file"; filename="rows.csv"', csvRows(3), 'text/csv');

describe('uploads', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { maxUploadBytes: LIMIT_BYTES });
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function send(...parts: string[]): Promise<{ status: number; detail: string }> {
    const response = await fetch(`${api.url}/api/v1/datasets/`, {
      method: 'POST',
      headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
      body: `${parts.join('')}--${BOUNDARY}--\r\n`,
    });
    const { detail } = (await response.json()) as { detail?: string };
    return { status: response.status, detail: detail ?? '' };
  }

  /** Every file of uploads and datasets, and every row. */
  async function kept(): Promise<unknown> {
    const files = await Promise.all(
      ['uploads', 'datasets'].map(async (folder) =>
        (await readdir(join(api.env.home, folder), { recursive: true })).sort(),
      ),
    );
    return { files, rows: await Dataset.count() };
  }

  it('are taken by their file name: with a content type, or without one as some clients send them', async () => {
    assert.equal((await send(NAME, FILE)).status, 201);
    assert.equal((await send(NAME, part('name="file"; filename="rows.csv"', csvRows(3)))).status, 201);
    assert.equal((await send(part('name="name"', 'rows', 'text/plain; charset=utf-8'), FILE)).status, 201);
  });

  const refusals: [status: number, sentence: RegExp, parts: string[]][] = [
    [422, /file is required/, [NAME]],
    [422, /name is required/, [FILE]],
    [400, /file was sent as a text/, [NAME, part('name="file"', 'input,output\r\n1,2')]],
    [422, /Unknown form field "data" with a file/, [NAME, part('name="data"; filename="rows.csv"', csvRows(3))]],
    [422, /Unknown form field "__proto__"/, [NAME, FILE, part('name="__proto__"', 'x')]],
    [422, /Unknown form field "status"/, [NAME, FILE, part('name="status"', 'completed')]],
    [422, /"name" is given twice/, [NAME, NAME, FILE]],
    [422, /more than one file/, [NAME, FILE, FILE]],
    [422, /more than 20 fields/, [FILE, ...Array.from({ length: 1_000 }, (_, i) => part(`name="f${i}"`, 'x'))]],
    [413, /fields beside the file/, [part('name="name"', 'x'.repeat(2_000_000)), FILE]],
    [422, /mapping/, [NAME, FILE, part('name="mapping"', '{"prompt": ')]],
    [400, /no column/, [NAME, FILE, part('name="mapping"', '{"prompt": "a", "completion": "b"}')]],
    [400, /control characters/, [NAME, part('name="file"; filename="a\0b.csv"', csvRows(3), 'text/csv')]],
    [
      413,
      /larger than 1000000 bytes/,
      [NAME, part('name="file"; filename="a.csv"', 'x'.repeat(LIMIT_BYTES + 1), 'text/csv')],
    ],
    [
      413,
      /larger than 1000000 bytes/,
      [NAME, part('name="file"; filename="a.csv"', 'x'.repeat(20_000_000), 'text/csv')],
    ],
  ];
  for (const [status, sentence, parts] of refusals) {
    it(`are refused with ${status} and ${sentence}, and leave nothing`, async () => {
      const before = await kept();
      const answer = await send(...parts);
      assert.match(answer.detail, sentence);
      assert.equal(answer.status, status);
      assert.deepEqual(await kept(), before);
    });
  }

  it('never leave their folder by their name', async () => {
    assert.equal((await send(NAME, part('name="file"; filename="../../x.csv"', csvRows(3), 'text/csv'))).status, 201);
    const latest = await Dataset.findOne({ order: [['id', 'DESC']] });
    assert.equal(latest?.filename, 'x.csv');
    assert.ok(latest?.file_path.startsWith(join(api.env.home, 'uploads')));
  });

  it('that are broken off leave nothing', async () => {
    const before = await kept();
    const asked = request(`${api.url}/api/v1/datasets/`, {
      method: 'POST',
      headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, 'Content-Length': 500_000 },
    });
    asked.on('error', () => {});
    asked.write(NAME + part('name="file"; filename="rows.csv"', 'x'.repeat(200_000), 'text/csv').trimEnd());
    const incoming = join(api.env.home, 'uploads', 'incoming');
    await until('the file to arrive', async () => ((await readdir(incoming)).length === 1 ? true : null));
    asked.destroy();
    await until('the file to be gone', async () => ((await readdir(incoming)).length === 0 ? true : null));
    assert.deepEqual(await kept(), before);
  });
});
