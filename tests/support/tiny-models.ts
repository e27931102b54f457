import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { installModel } from '../../src/processes/model-command.ts';

type TinyModel = 'tiny-random' | 'tiny-embedder' | 'smollm2-135m' | 'minilm';

/** Puts a tiny model into the cache directory of a test's service. */
export async function putTinyModel(env: Env, name: TinyModel): Promise<void> {
  await cp(await made(env, name), env.modelCache, { recursive: true });
}

/** The directory of a tiny model: of the one that writes text, unless another is named. */
export async function tinyModel(env: Env, name: TinyModel = 'tiny-random'): Promise<string> {
  const cache = await made(env, name);
  const model = (await readdir(cache)).find((folder) => folder.startsWith('models--')) ?? '';
  const snapshots = join(cache, model, 'snapshots');
  return join(snapshots, (await readdir(snapshots))[0] ?? '');
}

/** A cache directory with the model, which is made once, under MTM_TOOLS: loading the libraries for it would take longer than many a test. */
async function made(env: Env, name: TinyModel): Promise<string> {
  const dir = await directoryOf(env, name);
  await mkdir(dir, { recursive: true });
  const release = await lock(dir, { retries: { forever: true, minTimeout: 100, maxTimeout: 1_000 } });
  try {
    await installModel({ ...env, modelCache: dir }, name);
  } finally {
    await release();
  }
  return dir;
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

/** A model of which each weight is 40 or -40: in float32, one step at a rate of 0.000001 is less than half the way to the next number. */
export async function putLargeWeights(cache: string): Promise<string> {
  const name = await putTwin(cache, 'mtm/large-weights');
  const folder = join(cache, 'models--mtm--large-weights');
  for (const revision of await readdir(join(folder, 'snapshots'))) {
    const file = join(folder, 'snapshots', revision, 'model.safetensors');
    const bytes = await readFile(file);
    for (let at = 8 + Number(bytes.readBigUInt64LE()); at < bytes.length; at += 4)
      bytes.writeFloatLE(bytes.readFloatLE(at) < 0 ? -40 : 40, at);
    await writeFile(file, bytes);
  }
  return name;
}

/** The tiny model of the cache under another name as well. */
export async function putTwin(cache: string, name: `mtm/${string}`): Promise<typeof name> {
  const folder = join(cache, `models--${name.replace('/', '--')}`);
  await cp(join(cache, 'models--mtm--tiny-random-llama'), folder, { recursive: true });
  return name;
}
