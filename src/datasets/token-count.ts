import { execa } from 'execa';
import { z } from 'zod';
import { childEnv, PROJECT_ROOT } from '../env.ts';
import type { Hyperparameters, TooLongChoice } from '../trainer/protocol.ts';
import { DatasetError } from './dataset-error.ts';

/** A base model's tokenizer with its chat template, and how it is to be used. */
export interface Tokenizer {
  /** Of the trainer, whose own code counts: its tokens are those that training sees. */
  python: string;
  modelPath: string;
  /** Of an example, in tokens. */
  maxLength: number;
  tooLong: TooLongChoice;
  reasoning: Hyperparameters['reasoning'];
  toolCalls: Hyperparameters['tool_calls'];
}

/** A conversation as a mixture has it: both are JSON texts. */
export interface EncodedConversation {
  messages: string;
  tools: string | null;
}

const LengthSchema = z.union([
  z.strictObject({
    /** Of the whole row. */
    tokens: z.int(),
    /** Of the examples that it is trained on as. */
    trained: z.int(),
    examples: z.int(),
    truncated: z.boolean(),
    dropped: z.boolean(),
    /** What it is learnt without, or otherwise than it stands there: of rows, as "have thoughts that …". */
    notes: z.array(z.string()),
  }),
  z.strictObject({ problem: z.string() }),
]);
/** Tokens of a conversation; or why it cannot be written with the model's chat template. */
export type TokenLength = z.infer<typeof LengthSchema>;

/** Of each conversation. Starting takes about two seconds; then it is some thousands a second. @throws DatasetError */
export async function tokenLengths(
  { python, modelPath, maxLength, tooLong, reasoning = 'inline', toolCalls = 'refuse' }: Tokenizer,
  conversations: EncodedConversation[],
): Promise<TokenLength[]> {
  if (conversations.length === 0) return [];
  const limits = ['--max-length', `${maxLength}`, '--too-long', tooLong];
  const shown = ['--reasoning', reasoning, '--tool-calls', toolCalls];
  const { stdout, stderr, exitCode, signal } = await execa(
    python,
    ['-m', 'trainer.token_lengths', modelPath, ...limits, ...shown],
    {
      cwd: PROJECT_ROOT,
      env: childEnv({ PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' }),
      input: conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join(''),
      reject: false,
    },
  );
  if (signal) throw new Error(`The tokenizer was ended by ${signal}.`);
  if (exitCode !== 0)
    throw new DatasetError(
      `The tokens cannot be counted: ${stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`}`,
    );
  return stdout.split('\n').map((line) => LengthSchema.parse(JSON.parse(line)));
}
