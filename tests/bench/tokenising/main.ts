import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
/** Rows of the version to compare with, which may take a quarter of a second for one. All of these are compared token by token. */
const FEW_ROWS: Record<number, number> = { 1: 500, 64: 4 };
const ROWS: Record<number, number> = { 1: 3000, 64: 40 };
/** So many that other processes are worth their start. */
const MANY_ROWS: Record<number, number> = { 1: 24_000, 64: 240 };

interface Case {
  template: string;
  kind: string;
  turns: number;
}

interface Measured {
  rowsPerSecond: number;
  rowsPerCpuSecond: number;
  /** The tokenizer alone, with the text of a row once. */
  tokenizerRowsPerCpuSecond: number;
  examples: number;
  sha256: string;
}

interface Encoder {
  measure: (asked: { case: number; rows: number; processes: number; hashed: number }) => Promise<Measured>;
  end: () => void;
}

/** Rows of conversations as tokens, by one process and by all cores; with `--against DIR` also by the trainer of another version of this project, in turn.
 * `--data FILE`: its rows too. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      against: { type: 'string' },
      data: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      processes: { type: 'string', default: `${availableParallelism()}` },
    },
  });
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-tokenising-'));
  const encoders: Encoder[] = [];
  try {
    await execa(python, [join(FOLDER, 'cases.py'), dir, ...(values.data ? [resolve(values.data)] : [])], {
      cwd: PROJECT_ROOT,
      env: childEnv(PROJECT_ROOT),
      stderr: 'inherit',
    });
    const cases = JSON.parse(await readFile(join(dir, 'cases.json'), 'utf8')) as Case[];
    const ours = await start(python, dir, PROJECT_ROOT);
    encoders.push(ours);
    const other = values.against ? await start(python, dir, values.against) : undefined;
    if (other) encoders.push(other);
    const { table, processes } = tableFor(Number(values.processes));
    for (const [index, each] of cases.entries()) {
      const [few, rows] = [FEW_ROWS[each.turns] ?? 1, ROWS[each.turns] ?? 1];
      const before: Measured[] = [];
      const alone: Measured[] = [];
      const together: Measured[] = [];
      for (let round = 0; round < Number(values.rounds); round++) {
        if (other) before.push(await other.measure({ case: index, rows: few, processes: 1, hashed: few }));
        alone.push(await ours.measure({ case: index, rows, processes: 1, hashed: few }));
        together.push(await ours.measure({ case: index, rows: MANY_ROWS[each.turns] ?? 1, processes, hashed: few }));
      }
      for (const measured of [...before, ...together]) assert.equal(measured.sha256, alone[0]?.sha256, each.template);
      table.push(line(each, before, alone, together));
    }
    console.log(table.toString());
    console.log(other ? 'The same tokens and labels in all of each line.' : '');
  } finally {
    for (const encoder of encoders) encoder.end();
    await rm(dir, { recursive: true, force: true });
  }
}

function tableFor(processes: number) {
  const head = [
    'conversation',
    'examples',
    'rows/s before',
    'one process',
    `${processes} processes`,
    'rows per CPU second before',
    'now',
    'the tokenizer alone',
    'by time',
    'by CPU time',
  ];
  return { table: new Table({ head, style: { head: [], border: [] } }), processes };
}

type Rate = 'rowsPerSecond' | 'rowsPerCpuSecond' | 'tokenizerRowsPerCpuSecond';

/** The best of each: what else the machine does slows all. */
function line({ template, kind, turns }: Case, before: Measured[], alone: Measured[], together: Measured[]): string[] {
  const best = (of: Measured[], rate: Rate) => Math.max(0, ...of.map((each) => each[rate]));
  const rate = (value: number) => (value ? value.toFixed(value < 100 ? 1 : 0) : '');
  const times = (value: number, than: number) => (than ? `${(value / than).toFixed(1)} x` : '');
  return [
    `${template}, ${turns} ${turns > 1 ? 'turns' : 'turn'}, ${kind}`,
    `${alone[0]?.examples}`,
    ...[before, alone, together].map((of) => rate(best(of, 'rowsPerSecond'))),
    ...[before, alone].map((of) => rate(best(of, 'rowsPerCpuSecond'))),
    rate(best(alone, 'tokenizerRowsPerCpuSecond')),
    times(best(together, 'rowsPerSecond'), best(before, 'rowsPerSecond')),
    times(best(alone, 'rowsPerCpuSecond'), best(before, 'rowsPerCpuSecond')),
  ];
}

function childEnv(root: string): Record<string, string> {
  return { PYTHONPATH: root, PYTHONDONTWRITEBYTECODE: '1', HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
}

async function start(python: string, dir: string, root: string): Promise<Encoder> {
  const child = execa(python, [join(FOLDER, 'encode.py'), dir], {
    env: childEnv(root),
    cwd: root,
    reject: false,
    buffer: { stdout: false, stderr: true },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The trainer of ${root} ended early:\n${String((await child).stderr).slice(-2000)}`);
    return value;
  };
  assert.equal(await read(), 'ready');
  return {
    measure: async (asked) => {
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      return JSON.parse(await read()) as Measured;
    },
    end: () => child.kill('SIGKILL'),
  };
}
