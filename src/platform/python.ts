import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { check, lock } from 'proper-lockfile';
import { type Env, PROJECT_ROOT } from './env.ts';
import { TransientError } from './failure.ts';
import { exists } from './files.ts';

const TRAINER_REQUIREMENTS = ['requirements-torch.txt', 'requirements.txt'].map((name) =>
  join(PROJECT_ROOT, 'trainer', name),
);
const TRACKER_REQUIREMENTS = join(PROJECT_ROOT, 'trainer', 'requirements-trackers.txt');
const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
/** Of a process that died while it made an environment. */
export const LOCK_STALE_MS = 20_000;

/** Prints version and whether a virtual environment can be made. */
const PROBE =
  'import sys, importlib.util as u; print("%d.%d" % sys.version_info[:2], bool(u.find_spec("venv") and u.find_spec("ensurepip")))';

export interface PythonOptions {
  env: Env;
  /** Gets a line about each thing that takes long. */
  onProgress: (line: string) => void;
}

/** A Python that can make the trainer's environment. @throws TransientError with the remedy when there is none. */
export async function findSystemPython(): Promise<{ command: string; version: string }> {
  const seen: string[] = [];
  for (const command of CANDIDATES) {
    const { stdout, exitCode } = await execa(command, ['-c', PROBE], { reject: false });
    if (exitCode !== 0) continue;
    const [version = '', canMakeVenv] = stdout.trim().split(' ');
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major !== 3 || minor < 10) {
      seen.push(`${command} is ${version}`);
    } else if (canMakeVenv !== 'True') {
      seen.push(
        `${command} ${version} lacks the modules venv and ensurepip (on Debian and Ubuntu: apt install python3-venv)`,
      );
    } else {
      return { command, version };
    }
  }
  const found = seen.length > 0 ? ` Found: ${seen.join('; ')}.` : '';
  throw new TransientError(
    `Python 3.10 or newer with venv is needed for the trainer.${found} Install it, or name one with MTM_PYTHON.`,
  );
}

/** The trainer's Python if it is there already: nothing is installed. */
export async function findTrainerPython(env: Env): Promise<string | null> {
  if (env.python) return env.python;
  const { version } = await findSystemPython();
  const dir = await environmentDir(env, version, TRAINER_REQUIREMENTS);
  return (await exists(join(dir, 'ready'))) ? join(dir, 'bin', 'python') : null;
}

/**
 * The trainer's Python: MTM_PYTHON, or an environment of its own, made on first need.
 * @throws TransientError with the remedy when it cannot be made.
 */
export async function ensureTrainerPython({ env, onProgress }: PythonOptions): Promise<string> {
  if (env.python) {
    await checkGivenPython(env.python);
    return env.python;
  }
  const what = "the trainer's Python environment (about 1.5 GB with a CPU build of torch)";
  return await ensurePythonEnvironment({ env, onProgress, what, requirements: TRAINER_REQUIREMENTS });
}

/** The Python of what speaks to trackers: an environment of its own, made on first need. @throws TransientError with the remedy when it cannot be made. */
export async function ensureTrackerPython({ env, onProgress }: PythonOptions): Promise<string> {
  const what = 'the Python environment of trackers (about 370 MB)';
  return await ensurePythonEnvironment({ env, onProgress, what, requirements: [TRACKER_REQUIREMENTS] });
}

/** Asks for the trainer's Python as ensureTrainerPython does, and looks for it again only where it is gone: to look starts a process. */
export function trainerPythonOf(options: PythonOptions): () => Promise<string> {
  let found: string | null = null;
  return async () => {
    if (found === null || !(await exists(found))) found = await ensureTrainerPython(options);
    return found;
  };
}

/**
 * A virtual environment with these requirements under MTM_TOOLS, made on first need. Processes that ask at the same time
 * make it once; one that was interrupted is made anew.
 * @returns its Python
 * @throws TransientError with the remedy when it cannot be made.
 */
export async function ensurePythonEnvironment(
  options: PythonOptions & { what: string; requirements: string[] },
): Promise<string> {
  const { env, onProgress, what, requirements } = options;
  const { command, version } = await findSystemPython();
  const dir = await environmentDir(env, version, requirements);
  const python = join(dir, 'bin', 'python');
  const ready = join(dir, 'ready');
  if (await exists(ready)) return python;
  await mkdir(env.toolsDir, { recursive: true });
  if (await check(dir, { realpath: false, stale: LOCK_STALE_MS }))
    onProgress(`Another process is making ${what} in ${dir}: waiting for it.`);
  const release = await lock(dir, {
    realpath: false,
    stale: LOCK_STALE_MS,
    retries: { forever: true, minTimeout: 500, maxTimeout: 2_000 },
  });
  try {
    if (await exists(ready)) return python;
    await rm(dir, { recursive: true, force: true });
    onProgress(`Making ${what} in ${dir}, once.`);
    await execa(command, ['-m', 'venv', dir]);
    for (const file of requirements) await pipInstall(python, file, env, onProgress);
    await compileAll(python, dir);
    await writeFile(ready, `${new Date().toISOString()}\n`);
    onProgress(`Made ${what}.`);
    return python;
  } finally {
    await release();
  }
}

/** Where the environment for these requirements is, or will be, made. */
async function environmentDir(env: Env, pythonVersion: string, requirements: string[]): Promise<string> {
  const hash = createHash('sha256').update(pythonVersion).update(env.pipArgs.join(' '));
  for (const file of requirements) hash.update(await readFile(file));
  return join(env.toolsDir, `python-${hash.digest('hex').slice(0, 12)}`);
}

async function checkGivenPython(python: string): Promise<void> {
  const { exitCode, stderr } = await execa(
    python,
    [
      '-c',
      'import importlib.util as u, sys; m=[n for n in ("torch","transformers","peft","pyarrow","safetensors","matplotlib") if not u.find_spec(n)]; sys.exit("it lacks " + ", ".join(m) if m else 0)',
    ],
    { reject: false },
  );
  if (exitCode === 0) return;
  throw new TransientError(
    `MTM_PYTHON ${python} cannot run the trainer: ${stderr || 'it did not start'}. Install trainer/requirements-torch.txt and trainer/requirements.txt there, or unset MTM_PYTHON.`,
  );
}

/** @throws TransientError with the last lines that pip said */
export async function pipInstall(
  python: string,
  file: string,
  env: Env,
  onProgress: (line: string) => void,
  options: string[] = [],
): Promise<void> {
  const args = [
    '-m',
    'pip',
    'install',
    '--no-input',
    '--no-compile',
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
    ...options,
    ...env.pipArgs,
    '-r',
    file,
  ];
  const pip = execa(python, args, { all: true, reject: false, buffer: true });
  for await (const line of pip.iterable({ from: 'all' })) {
    if (/^(Collecting|Downloading|Installing|Using cached|Processing)/.test(line.trim()))
      onProgress(line.trim().slice(0, 160));
  }
  const { exitCode, all } = await pip;
  if (exitCode === 0) return;
  const lines = String(all).trim().split('\n').slice(-5).join('\n');
  throw new TransientError(
    `pip could not install ${file}:\n${lines}\nMTM_PIP_ARGS passes options to pip, for example an index with CPU builds of torch.`,
  );
}

/** Compiles what was installed, on all cores: pip does it on one, for as long as it takes to install it. */
async function compileAll(python: string, dir: string): Promise<void> {
  // As with pip, a module that this Python cannot compile is no failure: packages have some for other versions.
  await execa(python, ['-m', 'compileall', '-q', '-j', '0', '-x', '[/\\\\]tests[/\\\\]', dir], { reject: false });
}
