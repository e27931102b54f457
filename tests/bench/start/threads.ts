import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { pythonSpawnOptions } from '../../../src/trainer/python-process.ts';
import { median } from '../../support/figures.ts';
import { round } from '../bounds.ts';

const SCRIPT = fileURLToPath(new URL('threads.py', import.meta.url));

/** How threads wait for each other. */
const WAYS: Record<string, Record<string, string>> = {
  "libgomp's own": { GOMP_SPINCOUNT: '' },
  'as the service starts them': {},
  'asleep at once (OMP_WAIT_POLICY=passive)': { GOMP_SPINCOUNT: '', OMP_WAIT_POLICY: 'passive' },
};
/** Hidden size, layers, rows of 64 tokens, steps. */
const MODELS: Record<string, string[]> = { small: ['128', '2', '8', '40'], larger: ['512', '12', '2', '10'] };

/**
 * `npm run bench -- start threads [--rounds N]`: how long steps of a training take that has all cores for itself, and of three that share
 * them, by how the threads of a process wait for each other.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '3' } } });
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const head = ['threads that wait', 'model', 'alone: s', 'of a core', 'three at once: s', 'of a core, each'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const [model, sizes] of Object.entries(MODELS)) {
    const found = new Map(Object.keys(WAYS).map((way) => [way, { alone: [] as Steps[], shared: [] as Steps[] }]));
    for (let n = 0; n < Number(values.rounds); n++) {
      for (const [way, { alone, shared }] of found) {
        alone.push(...(await stepsOf(python, sizes, WAYS[way] ?? {}, 1)));
        shared.push(...(await stepsOf(python, sizes, WAYS[way] ?? {}, 3)));
      }
    }
    for (const [way, { alone, shared }] of found) {
      const middle = (steps: Steps[], of: keyof Steps) => round(median(steps.map((one) => one[of])) ?? Number.NaN);
      const figures = [alone, shared].flatMap((steps) => [middle(steps, 'seconds'), middle(steps, 'cpuSeconds')]);
      table.push([way, model, ...figures]);
    }
  }
  console.log(table.toString());
}

interface Steps {
  seconds: number;
  cpuSeconds: number;
}

/** Of so many trainings that begin at the same time, each with as many threads as there are cores. */
async function stepsOf(python: string, sizes: string[], way: Record<string, string>, count: number): Promise<Steps[]> {
  const { cwd, env } = pythonSpawnOptions();
  // An empty value is none.
  const variables = Object.fromEntries(Object.entries({ ...env, ...way }).filter(([, value]) => value !== ''));
  const trainings = Array.from({ length: count }, () =>
    execa(python, [SCRIPT, ...sizes], {
      cwd,
      env: variables,
      extendEnv: false,
      buffer: { stderr: true, stdout: false },
    }),
  );
  const lines = trainings.map((training) => training[Symbol.asyncIterator]());
  for (const line of lines) await line.next();
  for (const training of trainings) training.stdin.end('\n');
  const told = await Promise.all(lines.map((line) => line.next()));
  await Promise.all(trainings);
  return told.map(({ value }) => {
    const [seconds = Number.NaN, cpuSeconds = Number.NaN] = String(value).split(' ').map(Number);
    return { seconds, cpuSeconds };
  });
}
