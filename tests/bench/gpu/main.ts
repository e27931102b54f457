import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { loadEnv } from '../../../src/platform/env.ts';
import { withTrl } from '../trainer/main.ts';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'measure.py');

/** What only a GPU shows, in at most 8 minutes: exactness, the memory of an 8B model, and the speed beside TRL's. The script runs without Node too. */
export async function main(args: string[]): Promise<void> {
  const python = await withTrl(loadEnv(), (line) => console.log(line));
  const { exitCode } = await execa(python, [SCRIPT, ...args], { stdio: 'inherit', reject: false });
  process.exitCode = exitCode;
}
