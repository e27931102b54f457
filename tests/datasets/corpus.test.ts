import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

const CORPUS = join(PROJECT_ROOT, 'tests', 'fixtures', 'datasets');

/** See make.py: a file with `refused` must be refused, every other one gives its cells. */
interface Case {
  file: string;
  what: string;
  refused?: string;
  rows?: number;
  oracle?: string;
  encoding?: string;
  columns?: string[];
  mapping?: Record<string, string> | null;
  usable?: number;
  unusable?: string[];
  notes?: string;
  /** The first conversations, as [role, content] pairs. */
  messages?: [string, string][][];
}

const CASES = JSON.parse(await readFile(join(CORPUS, 'table.json'), 'utf8')) as Case[];

describe('the corpus of data files', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  const toCompare: { file: string; how: string; encoding?: string; columns: string[]; rows: (string | null)[][] }[] =
    [];

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });
  after(async () => {
    await api.close();
    await database.remove();
  });

  async function upload({ file }: Case) {
    const content = new Uint8Array(await readFile(join(CORPUS, 'files', file)));
    return { content, answer: await api.upload(file, content, { name: file }) };
  }

  const leftovers = async () =>
    (
      await Promise.all(
        ['uploads', 'uploads/incoming', 'datasets'].map((dir) => readdir(join(api.env.home, dir)).catch(() => [])),
      )
    ).flat().length;

  for (const one of CASES.filter(({ refused }) => refused === undefined)) {
    it(`takes ${one.what}: ${one.file}`, async () => {
      const { content, answer } = await upload(one);
      const { body } = answer;
      assert.equal(answer.status, 201, JSON.stringify(body));
      assert.equal(body.row_count, one.rows);
      const columns = JSON.parse(String(body.columns)) as string[];
      if (one.columns) assert.deepEqual(columns, one.columns);
      if (one.mapping !== undefined) assert.deepEqual(body.mapping, one.mapping);
      if (one.usable !== undefined) assert.equal(body.usable_row_count, one.usable);
      if (one.unusable) {
        const problems = (body.unusable as { problem: string }[]).map(({ problem }) => problem);
        assert.deepEqual(problems.sort(), [...one.unusable].sort());
      }
      assert.match((body.notes as string[]).join(' '), new RegExp(one.notes ?? '^$'));
      const download = await fetch(`${api.url}/api/v1/datasets/${body.id}/download`);
      assert.deepEqual(new Uint8Array(await download.arrayBuffer()), content);
      const preview = (await api.call('GET', `/datasets/${body.id}/preview?rows=100`)).body as {
        rows: { values: Record<string, string | null>; messages: { role: string; content: string }[] }[];
      };
      for (const [i, expected] of (one.messages ?? []).entries())
        assert.deepEqual(
          preview.rows[i]?.messages.map(({ role, content }) => [role, content]),
          expected,
        );
      toCompare.push({
        file: join(CORPUS, 'files', one.file),
        how: String(one.oracle),
        ...(one.encoding ? { encoding: one.encoding } : {}),
        columns,
        rows: preview.rows.map(({ values }) => columns.map((name) => values[name] ?? null)),
      });
    });
  }

  it('gives every cell as Python reads it in the source', async () => {
    assert.ok(toCompare.length >= 50);
    const python = await ensureTrainerPython({ env: api.env, onProgress: (line) => console.log(line) });
    const { stdout } = await execa(python, [join(CORPUS, 'oracle.py')], {
      input: JSON.stringify(toCompare),
    });
    assert.deepEqual(JSON.parse(stdout), []);
  });

  for (const one of CASES.filter(({ refused }) => refused !== undefined)) {
    it(`refuses ${one.what}: ${one.file}`, async () => {
      const before = await leftovers();
      const { answer } = await upload(one);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.match(String(answer.body.detail), new RegExp(String(one.refused), 's'));
      assert.equal(await leftovers(), before);
    });
  }
});
