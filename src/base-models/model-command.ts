import Table from 'cli-table3';
import { execa } from 'execa';
import { childEnv, type Env, PROJECT_ROOT } from '../env.ts';
import { ensureTrainerPython } from '../local/python.ts';
import { findAllModels } from './find-model.ts';
import { readFacts } from './model-facts.ts';

/** `mtm model list` and `mtm model install NAME`. */
export async function main(env: Env, [action, name]: string[]): Promise<void> {
  if (action === 'list') {
    console.log(await listed(env));
  } else if (action === 'install' && name) {
    console.log(await installModel(env, name));
  } else {
    throw new Error('Usage: mtm model list | mtm model install smollm2-135m');
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
