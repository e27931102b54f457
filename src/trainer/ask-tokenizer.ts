import { text } from 'node:stream/consumers';
import { loadEnv } from '../platform/env.ts';
import { KEPT_IDLE_MS, WarmPython } from './warm-python.ts';

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

/** Of this process: whoever asks once often asks again. */
let warm: WarmPython | undefined;

function tokenizers(): WarmPython {
  const log = (sentence: string) => console.error(sentence);
  warm ??= new WarmPython({ libraries: 'tokenizers', isOn: loadEnv().warmTrainers, idleMs: KEPT_IDLE_MS, log });
  return warm;
}

/**
 * What the command writes. The first one takes seconds, those that follow soon after it a tenth of one.
 * @throws UnusableTokenizer
 */
export async function askTokenizer(command: TokenizerCommand): Promise<string> {
  const { python, module, modelPath, options = [], input = '' } = command;
  const given = { python, module: `trainer.${module}`, arguments: [modelPath, ...options] };
  const asked = await tokenizers().start({ ...given, logFile: null, hasEvents: false });
  // One that has ended, or has no use for it, takes no input: how it ended says why.
  asked.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, { code, signal }] = await Promise.all([
    asked.stdout ? text(asked.stdout) : '',
    asked.stderr ? text(asked.stderr) : '',
    asked.ended,
  ]);
  if (signal) throw new Error(`The tokenizer was ended by ${signal}.`);
  if (code !== 0) throw new UnusableTokenizer(stderr.trim().split('\n').at(-1) || `exit code ${code}`);
  return stdout.trimEnd();
}
