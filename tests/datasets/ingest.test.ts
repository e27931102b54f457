import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Converted } from '../../src/datasets/convert.ts';
import { DatasetError } from '../../src/datasets/dataset-error.ts';
import type { OnBadRows } from '../../src/datasets/good-rows.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { previewRows } from '../../src/datasets/preview.ts';
import type { Mapping } from '../../src/datasets/rows/mapping.ts';
import { WHOLE } from '../../src/datasets/shares.ts';
import { writeMixture } from '../../src/datasets/write-mixture.ts';

describe('ingesting a file', function () {
  this.timeout(120_000);
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function ingest(
    name: string,
    content: string | Buffer,
    mapping: Mapping | null = null,
    onBadRows: OnBadRows = 'refuse',
  ): Promise<Converted> {
    const sourcePath = join(dir, 'source');
    await writeFile(sourcePath, content);
    return await ingestDataset({
      sourcePath,
      originalName: name,
      parquetPath: join(dir, 'out.parquet'),
      mapping,
      onBadRows,
    });
  }

  const all = { offset: 0, count: 1000 };
  async function cells(columns: string[], file = 'out.parquet'): Promise<unknown[][]> {
    const rows = await previewRows({ dataset: { parquet_path: join(dir, file), columns, mapping: null }, ...all });
    return rows.map(({ values }) => columns.map((name) => values[name]));
  }

  it('keeps every cell of a CSV to the character', async () => {
    const found = await ingest('a.csv', 'input,output\r\n"two\nlines, ""quoted""",007\r\n1e5,NA\r\n,2024-01-01\r\n');
    assert.deepEqual(
      [found.kind, found.columns, found.rowCount, found.mapping],
      ['csv', ['input', 'output'], 3, { prompt: 'input', completion: 'output' }],
    );
    assert.deepEqual(await cells(['input', 'output']), [
      ['two\nlines, "quoted"', '007'],
      ['1e5', 'NA'],
      ['', '2024-01-01'],
    ]);
    assert.equal(found.usableRowCount, 2);
  });

  it('reads JSON lines under a .json name, an array, gzip whatever the name, and a byte order mark', async () => {
    const line = '{"prompt":"p","completion":"c"}';
    for (const content of [
      `${line}\n${line}\n`,
      `[${line},\n${line}]`,
      gzipSync(`${line}\n${line}`),
      `\ufeff${line}\n${line}`,
    ]) {
      const found = await ingest('a.json', content);
      assert.deepEqual([found.rowCount, found.usableRowCount], [2, 2]);
    }
  });

  it('leaves texts alone that look like what is no JSON', async () => {
    await ingest('a.jsonl', '{"a":": NaN, -inf,}","b":["\\",]"],"c":null}\n');
    assert.deepEqual(await cells(['a', 'b', 'c']), [[': NaN, -inf,}', '["\\",]"]', null]]);
  });

  const SKIPPED: [name: string, file: string, content: string, good: number, note: RegExp | null][] = [
    [
      'lines that are no JSON',
      'a.jsonl',
      '{"a":"x"}\n{"a":\n{"a":["x",NaN]}\n[1]\n{"a":NaN,"b":"é"}\n{"a":"y"}\n{"a":"z"}\n',
      4,
      /^3 rows .* in line 2: /,
    ],
    ['a row of an array', 'a.json', '[{"a":"x"},\n{"a":"x" "y"},\n{"a":\n "z"}]', 2, /^1 row could .* in line 2: /],
    [
      'records of other widths',
      'a.csv',
      'a,b\nx,y\nx\nx,y,z\n"p","q"\n',
      2,
      /^2 rows .* in line 3: it has 1 cell where/,
    ],
    ['a quote that is never closed', 'a.csv', 'a,b\nx,y\n"x,y\nx,y\n', 0, null],
    ['most of a file', 'a.jsonl', '{"a":\n{"b":\n{"a":"x"}\n', 0, null],
    ['what stands between rows', 'a.json', '[{"a":1}\n{"a":2}]', 0, null],
  ];
  for (const [what, name, content, good, note] of SKIPPED) {
    it(`leaves out ${what}${note ? ', and says so' : ' not at all'}, where that is asked for`, async () => {
      // Let DuckDB ignore errors instead, and the quote takes the rest of the file along without a word.
      const ingested = ingest(name, content, null, 'skip');
      if (!note) return await assert.rejects(ingested, /file (is not valid|has 2 rows of 3)/);
      const { rowCount, notes } = await ingested;
      assert.equal(rowCount, good);
      assert.match(String(notes.at(-1)), note);
    });
  }

  it('takes a cell that is no number for a value that is missing', async () => {
    // Before, NaN was the word NaN, and then it was refused.
    const { notes } = await ingest('a.jsonl', '{"a":NaN,"b":"NaN"}\n{"a":-Infinity,"b":"x"}\n{"a":1.50,"b":null}\n');
    assert.deepEqual(await cells(['a', 'b']), [
      [null, 'NaN'],
      [null, 'x'],
      ['1.50', null],
    ]);
    assert.match(notes.join(' '), /NaN and Infinity stand for values that are missing/);
  });

  it('keeps nested values as their JSON, and missing ones as nothing', async () => {
    await ingest('a.jsonl', '{"a":{"z":1,"b":[1,2]},"b":null}\n{"c":"x","a":12}\n');
    assert.deepEqual(await cells(['a', 'b', 'c']), [
      ['{"z":1,"b":[1,2]}', null, null],
      ['12', null, 'x'],
    ]);
  });

  const LATER: [what: string, row: string, a: unknown, b: unknown][] = [
    ['a key that is missing', '{"b":"late"}', null, 'late'],
    ['keys in another order', '{"b":"late","a":"ä"}', 'ä', 'late'],
    ['a number', '{"a":1e5,"b":"late"}', '1e5', 'late'],
    ['null', '{"a":null,"b":"late"}', null, 'late'],
    ['a list', '{"a":[1.50],"b":"late"}', '[1.50]', 'late'],
    ['an object in another spelling', '{"a" : {"x": 1e5} ,\t"b":"late"  }', '{"x":1e5}', 'late'],
    ['NaN', '{"a":NaN,"b":"late"}', null, 'late'],
    ['escapes', '{"a":"\\"\\u00e4\\n: {\\" : [","b":"late"}', '"ä\n: {" : [', 'late'],
    ['another key', '{"a":"x","b":"late","c":"y"}', 'x', 'late'],
  ];
  for (const [what, row, a, b] of LATER) {
    it(`reads ${what} that comes only after the rows that are looked at first`, async () => {
      // Let the query of the first rows take what it meets, and other keys are left out, and lists and numbers are read as DuckDB writes them.
      const rows = Array.from({ length: 1200 }, (_, i) => `{"a":"text ${i}","b":"other"}`);
      const found = await ingest('a.jsonl', [...rows, row, ...rows].join('\n'));
      assert.equal(found.rowCount, 2401);
      const dataset = { parquet_path: join(dir, 'out.parquet'), columns: found.columns, mapping: null };
      const shown = await previewRows({ dataset, offset: 1199, count: 3 });
      const values = shown.map(({ values }) => [values.a, values.b]);
      assert.deepEqual(values, [
        ['text 1199', 'other'],
        [a, b],
        ['text 0', 'other'],
      ]);
      if (row.includes('"c"')) assert.equal(shown[1]?.values.c, 'y');
    });
  }

  const WRONG_LATER: [what: string, row: string, sentence: RegExp][] = [
    ['a key twice', '{"a":"x","b":"y","a":"z"}', /the key "a" twice in row 1201/],
    ['a list in place of a row', '["a"]', /has array as row 1201/],
    ['a comma at the end', '{"a":"x","b":"y",}', /in line 1201: /],
    ['NaN in a list', '{"a":[NaN],"b":"y"}', /in line 1201: NaN and Infinity are no JSON/],
    ['a row that is cut off', '{"a":"x","b":"y', /in line 1201: /],
  ];
  for (const [what, row, sentence] of WRONG_LATER) {
    it(`refuses ${what} that comes only after the rows that are looked at first`, async () => {
      const rows = Array.from({ length: 1200 }, (_, i) => `{"a":"text ${i}","b":"other"}`);
      await assert.rejects(ingest('a.jsonl', [...rows, row, ...rows].join('\n')), sentence);
    });
  }

  const ODD_LATER: [what: string, row: string, problem: RegExp | null, unused: string | null][] = [
    ['an empty answer', 'question,  ,', /the answer is empty/, null],
    ['a value that stands for nothing', 'question,nan,', /the answer is nan, which stands for a missing value/, null],
    ['a part that is not used', 'question,answer,7', null, 'remark'],
    ['messages for an answer', 'question,"[{""role"":""user"",""content"":""x""}]",', /assistant/, null],
  ];
  for (const [what, row, problem, unused] of ODD_LATER) {
    it(`tells of ${what} that comes only after the rows that are looked at first`, async () => {
      // Let what is written pass unwatched (src/datasets/watched-rows.ts), and all rows count as usable.
      const rows = Array.from({ length: 1200 }, (_, i) => `question ${i},answer ${i},`);
      const found = await ingest('a.csv', ['prompt,completion,remark', ...rows, row, ...rows].join('\n'));
      assert.deepEqual([found.rowCount, found.usableRowCount], [2401, problem ? 2400 : 2401]);
      assert.match(String(found.unusable[0]?.problem), problem ?? /undefined/);
      assert.deepEqual(found.unused, unused === null ? [] : [{ part: unused, rows: 1, first_row: 1200 }]);
    });
  }

  it('takes a mapping to a key that comes only after the rows that are looked at first', async () => {
    const rows = Array.from({ length: 1200 }, (_, i) => `{"a":"text ${i}"}`);
    const { usableRowCount } = await ingest('a.jsonl', [...rows, '{"b":"late"}'].join('\n'), { text: 'b' });
    assert.equal(usableRowCount, 1);
  });

  const REFUSED: [name: string, file: string, content: string | Buffer, sentence: RegExp][] = [
    ['an empty file', 'a.csv', '', /file is empty/],
    ['a header alone', 'a.csv', 'a,b\n', /no rows beside its header/],
    [
      'a short row',
      'a.csv',
      'a,b\n1,2\n3\n',
      /not valid CSV in line 3: it has 1 cell where the header has 2.*on_bad_rows: skip/,
    ],
    ['a long row', 'a.csv', 'a,b\n1,2\n3,4,5\n', /not valid CSV in line 3: it has 3 cells/],
    ['a column name twice', 'a.csv', 'a,a\n1,2\n', /two columns named "a"/],
    ['broken JSON', 'a.json', '{"a":1}\n{"a":\n', /not valid JSON in line/],
    ['a list of numbers', 'a.json', '[1,2]', /where an object was expected/],
    // DuckDB takes the next six, and the first of them was accepted as a whole dataset.
    [
      'an array that ends behind a comma',
      'a.json',
      '[{"a":1},\n{"a":2}, \n',
      /in line 2, byte 18 of the file: the array ends behind a comma: the file was cut off there/,
    ],
    [
      'NaN within a list',
      'a.jsonl',
      '{"a":1}\n{"a":[NaN]}\n{"a":{"b":-inf}}\n',
      /in line 2: NaN and Infinity are no JSON; .* Also wrong: line 3.*on_bad_rows: skip/,
    ],
    [
      'NaN deep in an array',
      'a.json',
      '[{"a":"é"},\n{"a":{"b":[1, -iNfinity]}}]',
      /in line 2, byte 13 of the file: NaN and Infinity are no JSON/,
    ],
    ['a comma before the end of an object', 'a.jsonl', '{"a":"x","b":[1]}\n{"a":"y" , }\n', /in line 2: /],
    ['a comma before the end of a list', 'a.jsonl', '{"a":[1,\t]}\n', /in line 1: /],
    [
      'an array without its bracket',
      'a.json',
      '[{"a":1},\n{"a":2}\n',
      /in line 2, byte 17 of the file: the array has no closing bracket/,
    ],
    ['an array cut off in a row', 'a.json', '[{"a":1},\n{"a":[2]', /in line 2, byte 10 of the file: /],
    ['two arrays', 'a.json', '[{"a":1}]\n[{"a":2}]\n', /in line 2, byte 10 of the file: a second array begins/],
    [
      'an array without a comma',
      'a.json',
      '[{"a":1}\n{"a":2}]',
      /in line 2, byte 9 of the file: a comma is missing between two rows(?!.*on_bad_rows)/,
    ],
    [
      'an array with a comma too many',
      'a.json',
      '[{"a":1},\n]',
      /in line 2, byte 10 of the file: the array ends behind a comma that no row follows/,
    ],
    ['another kind of file', 'a.png', 'x', /named "a.png"/],
    ['bytes that are no UTF-8', 'a.csv', Buffer.from([0x61, 0x0a, 0xff, 0x81]), /not UTF-8: line 2/],
    ['a NUL', 'a.csv', 'a,b\n1,\0\n', /NUL character in line 2/],
    ['gzip that is cut off', 'a.csv', gzipSync('a,b\n'.repeat(1000)).subarray(0, 20), /cannot be unpacked/],
  ];
  for (const [name, file, content, sentence] of REFUSED) {
    it(`refuses ${name} with a sentence, and leaves nothing`, async () => {
      for (const made of await readdir(dir)) if (made.startsWith('out.')) await rm(join(dir, made));
      await assert.rejects(
        ingest(file, content),
        (error) => error instanceof DatasetError && sentence.test(error.message),
      );
      assert.deepEqual(await readdir(dir), ['source']);
    });
  }

  it('refuses a mapping to a column that is not there', async () => {
    await assert.rejects(
      ingest('a.csv', 'a,b\n1,2\n', { prompt: 'a', completion: 'x' }),
      /mapping.completion is "x", which is no column/,
    );
  });

  it('mixes to the same bytes with another number of threads, and never trains on a held-out row', async () => {
    const rows = Array.from({ length: 90 }, (_, i) => `question ${i % 80},answer ${i % 80}`);
    const { sha256, mapping } = await ingest('a.csv', ['input,output', ...rows].join('\n'));
    assert.ok(mapping);
    const write = (name: string, threads: number) =>
      writeMixture({
        choices: {
          maxRows: 70,
          traits: [{ trait: 'all', datasets: [{ datasetId: 1, percentageThousandths: WHOLE }] }],
        },
        datasets: [{ id: 1, parquetPath: join(dir, 'out.parquet'), sha256, mapping }],
        seed: 7,
        dir: join(dir, name),
        threads,
      });
    const [first, second] = [await write('one', 1), await write('two', 3)];
    assert.deepEqual(first, second);
    assert.equal(first.train.rows, 70);
    const contents = async (file: string) => new Set((await cells(['messages'], `one/${file}`)).flat());
    const [train, heldOut] = [await contents('train.parquet'), await contents('held_out.parquet')];
    assert.ok(heldOut.size > 0);
    for (const messages of heldOut) assert.ok(!train.has(messages));
  });
});
