import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import type { PythonProcess } from '../../../src/trainer/python-process.ts';
import type { Libraries } from '../../../src/trainer/warm-process.ts';
import { WarmPython } from '../../../src/trainer/warm-python.ts';
import { median } from '../../support/figures.ts';
import { until } from '../../support/service.ts';
import { round } from '../bounds.ts';

/** In MiB, as the kernel counts them (/proc/PID/smaps_rollup). */
interface Memory {
  resident: number;
  /** Divided by how many share it. */
  share: number;
  shared: number;
  own: number;
}

/**
 * `npm run bench -- start memory [--copies N]`: what a process that has libraries loaded holds when it has nothing to do, alone and with copies that
 * have just begun.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { copies: { type: 'string', default: '10' }, before: { type: 'string' } },
  });
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const head = ['MiB', 'resident', 'proportional', 'shared', 'its own'];
  const table = new Table({ head, style: { head: [], border: [] } });
  const row = (what: string, found: Memory[]) => {
    const middle = (of: keyof Memory) => round(median(found.map((one) => one[of])) ?? Number.NaN);
    table.push([what, middle('resident'), middle('share'), middle('shared'), middle('own')]);
  };
  for (const libraries of ['trainings', 'answers', 'tokenizers'] as const) {
    const { alone, together, copies } = await measure(python, libraries, Number(values.copies));
    row(`${libraries}: the process, alone`, [alone]);
    row(`${libraries}: the process, with ${copies.length} copies`, [together]);
    row(`${libraries}: each copy (median of ${copies.length})`, copies);
    const sum = [together, ...copies].reduce((total, { share }) => total + share, 0);
    table.push([`${libraries}: all of them, together`, '', round(sum), '', '']);
  }
  console.log(table.toString());
}

async function measure(python: string, libraries: Libraries, count: number) {
  const warm = new WarmPython({ libraries, isOn: true, idleMs: null, log: (sentence) => console.log(sentence) });
  // It waits for its standard input, having loaded what its process has.
  const command = { python, module: 'trainer.tests.waiting', arguments: [], logFile: null, hasEvents: false };
  const begin = async (): Promise<PythonProcess> => {
    const copy = await warm.start(command);
    copy.stderr?.resume();
    await until('a copy to wait', async () => (copy.stdout?.read() ? true : null));
    return copy;
  };
  try {
    (await begin()).stdin.end();
    const pid = Number(warm.pid);
    await until('the first copy to be gone', async () => {
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      return children.trim() === '' ? true : null;
    });
    const alone = await memoryOf(pid);
    const copies: PythonProcess[] = [];
    for (let n = 0; n < count; n++) copies.push(await begin());
    return {
      alone,
      together: await memoryOf(pid),
      copies: await Promise.all(copies.map((copy) => memoryOf(copy.pid))),
    };
  } finally {
    await warm.close();
  }
}

async function memoryOf(pid: number): Promise<Memory> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (...names: string[]) =>
    names.reduce((sum, name) => sum + Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]), 0) / 1024;
  return {
    resident: mib('Rss'),
    share: mib('Pss'),
    shared: mib('Shared_Clean', 'Shared_Dirty'),
    own: mib('Private_Clean', 'Private_Dirty'),
  };
}
