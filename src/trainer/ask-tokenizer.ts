import { execa } from 'execa';
import { childEnv, PROJECT_ROOT } from '../platform/env.ts';

/** The model's tokenizer or chat template is not usable: the message is the trainer's sentence. */
export class UnusableTokenizer extends Error {}

/** A command of the trainer that needs of a model nothing but its tokenizer (trainer/tokenizer_command.py). */
interface TokenizerCommand {
  /** The trainer's. */
  python: string;
  module: 'token_lengths' | 'row_tokens' | 'template_facts';
  modelPath: string;
  options?: string[];
  input?: string;
}

/**
 * What the command writes. To start one takes about two seconds.
 * @throws UnusableTokenizer
 */
export async function askTokenizer({
  python,
  module,
  modelPath,
  options = [],
  input,
}: TokenizerCommand): Promise<string> {
  const { stdout, stderr, exitCode, signal } = await execa(python, ['-m', `trainer.${module}`, modelPath, ...options], {
    cwd: PROJECT_ROOT,
    env: childEnv({ PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' }),
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    reject: false,
  });
  if (signal) throw new Error(`The tokenizer was ended by ${signal}.`);
  if (exitCode !== 0) throw new UnusableTokenizer(stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`);
  return stdout;
}
