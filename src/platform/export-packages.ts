import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { type Env, PROJECT_ROOT } from './env.ts';
import { exists } from './files.ts';
import { LOCK_STALE_MS, pipInstall } from './python.ts';

const REQUIREMENTS = join(PROJECT_ROOT, 'trainer', 'requirements-exports.txt');

/**
 * The folder with the packages that only exports need, for PYTHONPATH: MTM_EXPORT_PACKAGES, or one under MTM_TOOLS, made on first need.
 * Not in the trainer's environment: one of them brings another copy of a package that is there.
 * @throws TransientError with the remedy when it cannot be made.
 */
export async function ensureExportPackages(options: {
  env: Env;
  python: string;
  onProgress: (line: string) => void;
}): Promise<string> {
  const { env, python, onProgress } = options;
  if (env.exportPackages) return env.exportPackages;
  const hash = createHash('sha256')
    .update(python)
    .update(await readFile(REQUIREMENTS));
  const dir = join(env.toolsDir, `exports-${hash.digest('hex').slice(0, 12)}`);
  if (await exists(dir)) return dir;
  await mkdir(env.toolsDir, { recursive: true });
  const release = await lock(dir, {
    realpath: false,
    stale: LOCK_STALE_MS,
    retries: { forever: true, minTimeout: 500, maxTimeout: 2_000 },
  });
  try {
    if (await exists(dir)) return dir;
    const draft = `${dir}.partial`;
    await rm(draft, { recursive: true, force: true });
    onProgress(`Installing what makes GGUF files (about 110 MB) into ${dir}, once.`);
    await pipInstall(python, REQUIREMENTS, env, onProgress, ['--no-deps', '--target', draft]);
    await rename(draft, dir);
    return dir;
  } finally {
    await release();
  }
}
