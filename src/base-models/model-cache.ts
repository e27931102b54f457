import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Whether a base model is in the local cache, complete and in a format that runs no code when loaded. */
export interface FoundModel {
  available: boolean;
  model_name: string;
  /** The snapshot's directory, when available. */
  path: string | null;
  /** Sentences with the remedy, when not. */
  errors: string[];
}

/** ORG/NAME or NAME, as the hub allows it; so no name leads out of the cache. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/;
const TOKENIZERS = ['tokenizer.json', 'tokenizer.model'];

/**
 * Looks a model up in a Hugging Face hub cache by its own rules: models--ORG--NAME/refs/main names the snapshot, whose
 * files are links to blobs.
 */
export async function findModel(cacheDir: string, name: string): Promise<FoundModel> {
  const missing = (...errors: string[]): FoundModel => ({ available: false, model_name: name, path: null, errors });
  if (!NAME.test(name) || name.includes('--') || name.includes('..')) {
    return missing(`${JSON.stringify(name)} is no model in the Hugging Face cache: its models are named ORG/NAME.`);
  }
  const folder = join(cacheDir, `models--${name.replace('/', '--')}`);
  const revision = await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => null);
  if (revision === null || !/^[0-9A-Za-z]+$/.test(revision.trim())) {
    return missing(
      `The model ${name} is not in the cache ${cacheDir}. Put it there with \`hf download ${name}\`, or install a small one with \`npm run mtm -- model install smollm2-135m\`.`,
    );
  }
  const path = join(folder, 'snapshots', revision.trim());
  const problems = await problemsOf(path);
  return problems.length === 0
    ? { available: true, model_name: name, path, errors: [] }
    : missing(
        ...problems.map(
          (problem) =>
            `The model ${name} in the cache is not usable: ${problem}. Get it again with \`hf download ${name}\`.`,
        ),
      );
}

/** The names of all usable models, sorted. */
export async function listModels(cacheDir: string): Promise<string[]> {
  const folders = await readdir(cacheDir).catch(() => []);
  const names = folders
    .filter((folder) => folder.startsWith('models--'))
    .map((folder) => folder.slice(8).replace('--', '/'));
  const found = await Promise.all(names.map((name) => findModel(cacheDir, name)));
  return found
    .filter(({ available }) => available)
    .map(({ model_name }) => model_name)
    .sort();
}

async function problemsOf(path: string): Promise<string[]> {
  const problems: string[] = [];
  if (!(await hasContent(join(path, 'config.json')))) problems.push('config.json is missing');
  const tokenizers = await Promise.all(TOKENIZERS.map((file) => hasContent(join(path, file))));
  if (!tokenizers.includes(true)) problems.push(`${TOKENIZERS.join(' or ')} is missing`);
  problems.push(...(await weightProblems(path)));
  return problems;
}

async function weightProblems(path: string): Promise<string[]> {
  const index = await readFile(join(path, 'model.safetensors.index.json'), 'utf8').catch(() => null);
  if (index === null) {
    if (await hasContent(join(path, 'model.safetensors'))) return [];
    const files = await readdir(path).catch(() => []);
    return files.some((file) => /\.(bin|pt|pth|ckpt)$/.test(file))
      ? ['its weights are pickle files, which can run code when loaded; a version in safetensors is needed']
      : ['model.safetensors is missing'];
  }
  const shards = shardsOf(index);
  if (!shards) return ['model.safetensors.index.json does not read'];
  const there = await Promise.all(shards.map((shard) => hasContent(join(path, shard))));
  return shards.filter((_, i) => !there[i]).map((shard) => `${shard} is missing`);
}

function shardsOf(index: string): string[] | null {
  try {
    const { weight_map } = JSON.parse(index) as { weight_map?: Record<string, string> };
    const shards = [...new Set(Object.values(weight_map ?? {}))];
    return shards.length > 0 && shards.every((shard) => typeof shard === 'string' && !shard.includes('/'))
      ? shards
      : null;
  } catch {
    return null;
  }
}

/** Links are followed: one whose blob is not there, or still empty, is a download that was broken off. */
async function hasContent(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true && found.size > 0;
}
