import { execa } from 'execa';
import { presentBaseModel } from '../api/base-models/present.ts';
import { findAllModels } from '../base-models/find-model.ts';
import { exactName } from '../base-models/found-model.ts';
import { findInCache } from '../base-models/model-cache.ts';
import { convertedName } from '../base-models/ollama-model.ts';
import { findInStore } from '../base-models/ollama-store.ts';
import { bodyOf } from '../cli/api/client.ts';
import { modelTable } from '../cli/base-models/model-table.ts';
import { CommandFailure, EXIT } from '../cli/exit-codes.ts';
import type { Session } from '../cli/session.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../platform/env.ts';
import { ensureTrainerPython } from '../platform/python.ts';

/** What GET /models/ answers: of the service, or of this machine where none runs here and none was named. */
export async function list({ env, client, server, print, say }: Session): Promise<void> {
  const answer = await bodyOf(client.GET('/api/v1/models/')).catch(async (error: unknown) => {
    const isHere = error instanceof CommandFailure && error.exitCode === EXIT.unreachable && !server.isNamed;
    if (!isHere) throw error;
    say('No service runs here: these are the models of this machine.');
    return { items: await Promise.all((await findAllModels(env)).map(presentBaseModel)) };
  });
  const places = [env.modelCache, ...env.modelRoots].join(' or ');
  print(answer, () => (answer.items.length > 0 ? modelTable(answer.items) : `There is no model in ${places}.`));
}

/** `mtm model install NAME`: says what the model is called from now on. */
export async function install({ env, print }: Session, name: string): Promise<void> {
  const model_name = await installModel(env, name);
  print({ model_name }, () => model_name);
}

/** `mtm model import NAME:TAG`, likewise. */
export async function importOllama({ env, print }: Session, name: string): Promise<void> {
  const model_name = await importModel(env, name);
  print({ model_name }, () => model_name);
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
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.error(line) });
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
