import Table from 'cli-table3';
import { execa } from 'execa';
import { findAllModels } from '../base-models/find-model.ts';
import { exactName } from '../base-models/found-model.ts';
import { findInCache } from '../base-models/model-cache.ts';
import { readFacts } from '../base-models/model-facts.ts';
import { convertedName } from '../base-models/ollama-model.ts';
import { findInStore } from '../base-models/ollama-store.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../platform/env.ts';
import { ensureTrainerPython } from '../platform/python.ts';

/** `mtm model list`, `mtm model install NAME` and `mtm model import NAME:TAG`. */
export async function main(env: Env, [action, name]: string[]): Promise<void> {
  if (action === 'list') {
    console.log(await listed(env));
  } else if (action === 'install' && name) {
    console.log(await installModel(env, name));
  } else if (action === 'import' && name) {
    console.log(await importModel(env, name));
  } else {
    throw new Error('Usage: mtm model list | mtm model install smollm2-135m | mtm model import llama3.2:3b');
  }
}

/** All models, with what GET /models/ tells of them. */
async function listed(env: Env): Promise<string> {
  const models = await findAllModels(env);
  if (models.length === 0) return `There is no model in ${[env.modelCache, ...env.modelRoots].join(' or ')}.`;
  const table = new Table({
    head: ['Model', 'Parameters', 'Size', 'Type', 'Context', 'License', 'Chat template'],
    style: { head: [], border: [], compact: true },
  });
  const facts = await Promise.all(models.map(readFacts));
  for (const [index, { model_name }] of models.entries()) {
    const { parameters, size_bytes, model_type, context_length, license, chat_template } = facts[index] ?? {};
    table.push([
      model_name,
      ...[
        inUnits(parameters, 'M', 'B'),
        inUnits(size_bytes, 'MB', 'GB'),
        model_type,
        context_length,
        license,
        chat_template,
      ].map((fact) => fact ?? ''),
    ]);
  }
  const sentences = models.flatMap(({ errors }) => errors);
  return [table.toString(), ...sentences].join('\n');
}

/** 134515008 is 134.5 M. */
function inUnits(count: number | null | undefined, millions: string, billions: string): string | null {
  if (count === null || count === undefined) return null;
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} ${billions}` : `${(count / 1e6).toFixed(1)} ${millions}`;
}

/**
 * Puts a model that a package ships into the cache directory that the service reads, unless it is there.
 * @returns its name there.
 * @throws Error when the installer refuses the name or fails; it has said why on standard error.
 */
export async function installModel(env: Env, name: string): Promise<string> {
  return await made(env, name, ['trainer.install_model', name]);
}

/**
 * Makes a model of the cache directory from one that Ollama has pulled, unless it is there. Its weights are what remained of
 * them after they were quantized, in bf16.
 * @returns its name there.
 * @throws Error when Ollama's store has no such model, or its family cannot be converted.
 */
export async function importModel(env: Env, name: string): Promise<string> {
  const stored = await findInStore(env.ollamaStore, name);
  if (stored === null)
    throw new Error(
      `${name} is not in Ollama's store ${env.ollamaStore}. Get it with \`ollama pull ${name}\`, or say with OLLAMA_MODELS where the store is.`,
    );
  const [repository, revision] = [convertedName(name), stored.digest];
  const found = await findInCache(env.modelCache, exactName({ name: repository, revision }));
  if (found.available) return repository;
  return await made(env, name, ['trainer.import_gguf', stored.path, '--name', repository, '--sha256', revision]);
}

/** Runs a module of the trainer that puts a model into the cache directory, and prints what it is called there. */
async function made(env: Env, name: string, module: string[]): Promise<string> {
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const { stdout, exitCode } = await execa(python, ['-m', ...module, '--cache', env.modelCache], {
    cwd: PROJECT_ROOT,
    env: childEnv({ TQDM_DISABLE: '1' }),
    stderr: 'inherit',
    reject: false,
  });
  const made = stdout.trim().split('\n').at(-1);
  if (exitCode !== 0 || !made) throw new Error(`The model ${name} was not put into ${env.modelCache}.`);
  return made;
}
