import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Env, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { exists } from '../../../src/platform/files.ts';
import { ensurePythonEnvironment, ensureTrainerPython } from '../../../src/platform/python.ts';

/** The commit before a worker's trainers became copies of a process that has the libraries loaded. */
export const BEFORE = '6e8857b~1';

const REQUIREMENTS = ['requirements-torch.txt', 'requirements.txt'];

/** Another version of this project, in a folder of its own. */
export interface OldBuild {
  dir: string;
  /** As git names it. */
  commit: string;
  /** A Python with the packages that its trainer asks for. */
  python: string;
  remove(): Promise<void>;
}

/** A worktree of `commit` in a temporary folder, with this checkout's node_modules, built where it has something to build. */
export async function makeOldBuild(env: Env, commit = BEFORE): Promise<OldBuild> {
  const git = async (...args: string[]) => (await execa('git', args, { cwd: PROJECT_ROOT })).stdout.trim();
  const hash = await git('rev-parse', '--short', `${commit}^{commit}`);
  const parent = await mkdtemp(join(tmpdir(), 'mtm-old-build-'));
  const dir = join(parent, hash);
  await git('worktree', 'add', '--detach', dir, hash);
  const remove = async () => {
    await git('worktree', 'remove', '--force', dir);
    await rm(parent, { recursive: true, force: true });
  };
  try {
    await symlink(join(PROJECT_ROOT, 'node_modules'), join(dir, 'node_modules'));
    if (await exists(join(dir, 'bin', 'build.mjs')))
      await execa(process.execPath, [join(dir, 'bin', 'build.mjs')], { cwd: dir });
    return { dir, commit: hash, python: await pythonFor(env, dir), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** This build's, where that has every package that the other one asks for; else one that is made for it, once. */
async function pythonFor(env: Env, dir: string): Promise<string> {
  const onProgress = (line: string) => console.log(line);
  const here = await pinsIn(join(PROJECT_ROOT, 'trainer'));
  const there = await pinsIn(join(dir, 'trainer'));
  if ([...there].every((pin) => here.has(pin))) return await ensureTrainerPython({ env, onProgress });
  const requirements = REQUIREMENTS.map((name) => join(dir, 'trainer', name));
  return await ensurePythonEnvironment({ env, onProgress, what: "the old build's Python environment", requirements });
}

async function pinsIn(dir: string): Promise<Set<string>> {
  const texts = await Promise.all(REQUIREMENTS.map((name) => readFile(join(dir, name), 'utf8')));
  const lines = texts
    .join('\n')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim());
  return new Set(lines.filter(Boolean));
}

/** A copy of a prepared folder, under `to`. */
export async function copyOf(prepared: string, to: string): Promise<string> {
  await rm(to, { recursive: true, force: true });
  await cp(prepared, to, { recursive: true });
  return to;
}
