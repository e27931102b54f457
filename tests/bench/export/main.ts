import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';

const PEAK = join(dirname(fileURLToPath(import.meta.url)), 'peak.py');
/** What an export may take, of its model: half. */
const LARGEST_SHARE = 0.5;

/** The memory that exporting a model takes, which must not grow with it. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { gb: { type: 'string', default: '3' } } });
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-export-'));
  try {
    const { stdout } = await execa(python, [PEAK, dir, values.gb], {
      cwd: PROJECT_ROOT,
      env: { PYTHONPATH: PROJECT_ROOT },
      stderr: 'ignore',
    });
    const found: Record<string, number> = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
    const { model_bytes: model = 0, before_bytes: before = 0, peak_bytes: peak = 0, seconds = 0 } = found;
    const gb = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
    console.log(
      `A model of ${gb(model)}: written in ${seconds.toFixed(0)} s, with at most ${gb(peak)} of memory of its own (${gb(before)} before).`,
    );
    process.exitCode = peak <= LARGEST_SHARE * model ? 0 : 1;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
