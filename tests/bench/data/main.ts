import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { countRows } from '../../../src/datasets/count-rows.ts';
import { withDuckDb } from '../../../src/datasets/duckdb.ts';
import { literal } from '../../../src/datasets/sql.ts';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensurePythonEnvironment } from '../../../src/platform/python.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const MIX_ROWS = 1_000_000;
const MIX_DATASETS = 5;
const MAPPING = { prompt: 'prompt', completion: 'completion' };
const WORDS = 'alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa'.split(
  ' ',
);

interface Measured {
  seconds: number;
  peakMb: number;
}

/** The data engine against pandas and Hugging Face datasets, one after the other, on data that is generated here. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rows: { type: 'string', default: '5000000' } } });
  const rows = Number(values.rows);
  const python = await ensurePythonEnvironment({
    env: loadEnv(),
    onProgress: (line) => console.log(line),
    what: "the benchmark's Python environment (pandas and datasets)",
    requirements: [join(FOLDER, 'requirements.txt')],
  });
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-data-'));
  try {
    await describe(python);
    await generate(dir, rows);
    for (const file of ['rows.csv', 'rows.jsonl']) await benchIngest(python, dir, file);
    await benchMix(python, dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function describe(python: string): Promise<void> {
  const code =
    'import sys, pandas, datasets, pyarrow; print(sys.version.split()[0], pandas.__version__, datasets.__version__, pyarrow.__version__)';
  const [version, pandas, datasets, pyarrow] = (await execa(python, ['-c', code])).stdout.split(' ');
  const { dependencies } = JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8'));
  console.log(
    `${availableParallelism()} CPU cores; Node ${process.versions.node}, @duckdb/node-api ${dependencies['@duckdb/node-api']}; Python ${version}, pandas ${pandas}, datasets ${datasets}, pyarrow ${pyarrow}`,
  );
}

/** Texts of a dozen words, of which one in ten holds quotes, delimiters and a line end. */
async function generate(dir: string, rows: number): Promise<void> {
  const word = (i: number) => `words[1 + ((bits >> ${4 * i}) & 15)::INTEGER]`;
  const text = (name: string, count: number) =>
    `(SELECT concat_ws(' ', ${Array.from({ length: count }, (_, i) => word(i)).join(', ')}) FROM
       (SELECT md5_number_lower(concat(r, ${literal(name)})) AS bits, [${WORDS.map(literal).join(', ')}] AS words))`;
  const select = `SELECT printf('%07d', r) AS id, concat('Question ', r, ': ', ${text('a', 12)}, '?') AS prompt,
    CASE WHEN r % 10 = 0 THEN concat('Said "', ${text('b', 13)}, '", twice,', chr(10), 'and left.') ELSE concat(${text('c', 14)}, '.') END AS completion,
    concat('2024-01-', 1 + r % 28) AS date FROM range(${rows}) t(r) ORDER BY r`;
  await withDuckDb({ memory: '2GB', folders: [dir] }, async (connection) => {
    await connection.run(`CREATE TABLE rows AS ${select}`);
    await connection.run(`COPY rows TO ${literal(join(dir, 'rows.csv'))} (FORMAT csv, HEADER)`);
    await connection.run(`COPY rows TO ${literal(join(dir, 'rows.jsonl'))} (FORMAT json)`);
    for (let i = 0; i < MIX_DATASETS; i++) {
      const part = `FROM rows LIMIT ${MIX_ROWS} OFFSET ${Math.max(0, Math.min(i * MIX_ROWS, rows - MIX_ROWS))}`;
      const parquetPath = join(dir, `part-${i}.parquet`);
      await connection.run(
        `COPY (${part}) TO ${literal(parquetPath)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10240)`,
      );
      // As where it was uploaded: then it is known that its rows are texts.
      await countRows(connection, parquetPath, MAPPING);
    }
  });
  const sizes = await Promise.all(['rows.csv', 'rows.jsonl'].map((name) => stat(join(dir, name))));
  console.log(`${rows} rows: CSV ${gigabytes(sizes[0]?.size)}, JSON lines ${gigabytes(sizes[1]?.size)}\n`);
}

function gigabytes(bytes = 0): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

const ours = (work: string, source: string, target: string) =>
  measure('node', ['--import', 'tsx', join(FOLDER, 'ours.ts'), work, source, target]);

async function measure(command: string, args: string[]): Promise<Measured> {
  const { stdout } = await execa(command, args, { stderr: 'inherit' });
  return JSON.parse(stdout.split('\n').at(-1) ?? '');
}

async function benchIngest(python: string, dir: string, file: string): Promise<void> {
  const source = join(dir, file);
  const target = async (name: string) => {
    await mkdir(join(dir, name), { recursive: true });
    return join(dir, name, `${file}.parquet`);
  };
  const peer = async (name: string) =>
    await measure(python, [join(FOLDER, 'peers.py'), name, 'ingest', source, await target(name)]);
  const rows: [string, Measured][] = [
    ['ours', await ours('ingest', source, await target('ours'))],
    ['datasets', await peer('datasets')],
    ['pandas', await peer('pandas')],
  ];
  print(`Ingest of ${file}`, rows);
  const cells = await Promise.all(rows.map(async ([name]) => await cellsOf(await target(name))));
  for (const others of cells.slice(1)) assert.deepEqual(others, cells[0]);
  console.log(`The same cells in all ${rows.length}.\n`);
}

/** Of all cells with their place, a sum that changes when any of them does. */
async function cellsOf(parquet: string): Promise<unknown> {
  return await withDuckDb({ memory: '2GB', folders: [dirname(parquet)] }, async (connection) => {
    const found = await connection.runAndReadAll(
      `SELECT count(*)::INTEGER AS rows, bit_xor(md5_number(concat_ws(chr(0), file_row_number, id, prompt, completion, date)))::VARCHAR AS cells
       FROM read_parquet(${literal(parquet)}, file_row_number=true)`,
    );
    return found.getRowObjectsJson()[0];
  });
}

async function benchMix(python: string, dir: string): Promise<void> {
  const sources = Array.from({ length: MIX_DATASETS }, (_, i) => join(dir, `part-${i}.parquet`)).join(',');
  const mixed = join(dir, 'mixed');
  await mkdir(mixed);
  print(`Mixing 50,000 of ${MIX_DATASETS} × ${MIX_ROWS} rows`, [
    ['ours', await ours('mix', sources, mixed)],
    [
      'datasets',
      await measure(python, [join(FOLDER, 'peers.py'), 'datasets', 'mix', sources, join(dir, 'peer.parquet')]),
    ],
  ]);
}

function print(what: string, rows: [string, Measured][]): void {
  const table = new Table({
    head: [what, 'seconds', 'peak memory', 'time of ours', 'memory of ours'],
    style: { head: [] },
  });
  const [, first] = rows[0] as [string, Measured];
  for (const [name, { seconds, peakMb }] of rows) {
    const times = (theirs: number, own: number) => (name === 'ours' ? '' : `${(theirs / own).toFixed(1)} x`);
    table.push([
      name,
      seconds.toFixed(2),
      `${Math.round(peakMb)} MB`,
      times(seconds, first.seconds),
      times(peakMb, first.peakMb),
    ]);
  }
  console.log(table.toString());
}
