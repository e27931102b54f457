import { createHash } from 'node:crypto';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { installModel } from '../../src/processes/model-command.ts';

/**
 * Puts a tiny model into the cache directory of a test's service. It is made once, under MTM_TOOLS: loading the libraries
 * for it would take longer than many a test.
 */
export async function putTinyModel(
  env: Env,
  name: 'tiny-random' | 'tiny-embedder' | 'smollm2-135m' | 'minilm',
): Promise<void> {
  const made = await directoryOf(env, name);
  await mkdir(made, { recursive: true });
  const release = await lock(made, { retries: { forever: true, minTimeout: 100, maxTimeout: 1_000 } });
  try {
    await installModel({ ...env, modelCache: made }, name);
  } finally {
    await release();
  }
  await cp(made, env.modelCache, { recursive: true });
}

/** Another one when what makes it has changed. */
async function directoryOf(env: Env, name: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [
    'install_model.py',
    'base_models/model_cache.py',
    'chats/rendering.py',
    'requirements.txt',
    'requirements-torch.txt',
  ])
    hash.update(await readFile(join(PROJECT_ROOT, 'trainer', file)));
  return join(env.toolsDir, `${name}-${hash.digest('hex').slice(0, 12)}`);
}
