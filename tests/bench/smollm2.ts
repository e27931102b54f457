import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';

/** The directory of SmolLM2-135M, made where it is not there yet. */
export async function smollm2(python: string, toolsDir: string): Promise<string> {
  const cache = join(toolsDir, 'bench-models');
  const args = ['-m', 'trainer.install_model', 'smollm2-135m', '--cache', cache];
  const { stdout } = await execa(python, args, { cwd: PROJECT_ROOT, stderr: 'inherit' });
  const snapshots = join(cache, `models--${stdout.trim().split('\n').at(-1)?.replace('/', '--')}`, 'snapshots');
  return join(snapshots, (await readdir(snapshots))[0] ?? '');
}
