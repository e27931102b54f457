import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';

const PAGE = join(PROJECT_ROOT, 'docs', 'models.md');
const HEAD = '| model_type |';

/** Every architecture, tiny: trained, stopped, resumed, exported, validated, loaded again. Its table goes into docs/models.md, unless only some are named. */
export async function main(names: string[]): Promise<void> {
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const run = execa(python, ['-m', 'trainer.tests.table', ...names], {
    cwd: PROJECT_ROOT,
    env: { OMP_NUM_THREADS: '1' },
    reject: false,
  });
  run.stdout.pipe(process.stdout);
  const { stdout, exitCode, stderr } = await run;
  if (exitCode !== 0) console.error(stderr.split('\n').slice(-5).join('\n'));
  if (names.length === 0) await writeTable(stdout.slice(stdout.indexOf(HEAD)));
  process.exitCode = exitCode ?? 1;
}

async function writeTable(table: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const before = page.slice(0, page.indexOf(HEAD));
  const behind = page.slice(page.indexOf(HEAD)).replace(/^(\|.*\n)+/, '');
  await writeFile(PAGE, `${before}${table.trimEnd()}\n${behind}`);
}
