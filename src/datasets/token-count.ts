import { execa } from 'execa';
import { z } from 'zod';
import { childEnv, PROJECT_ROOT } from '../env.ts';
import { DatasetError } from './dataset-error.ts';

/** A base model's tokenizer with its chat template, and how it is to be used. */
export interface Tokenizer {
  /** Of the trainer, whose own code counts: its tokens are those that training sees. */
  python: string;
  modelPath: string;
  /** Of a row, in tokens; what is beyond is cut off. */
  maxLength: number;
}

/** A conversation as a mixture has it: both are JSON texts. */
export interface EncodedConversation {
  messages: string;
  tools: string | null;
}

const LengthSchema = z.union([
  z.strictObject({
    tokens: z.int(),
    /** Where the first token stands that is learnt; null where there is none. */
    first_answer: z.int().nullable(),
  }),
  z.strictObject({ problem: z.string() }),
]);
/** Tokens of a conversation, before it is cut off; or why it cannot be written with the model's chat template. */
export type TokenLength = z.infer<typeof LengthSchema>;

/** Of each conversation. Starting takes about two seconds; then it is some thousands a second. @throws DatasetError */
export async function tokenLengths(
  { python, modelPath }: Tokenizer,
  conversations: EncodedConversation[],
): Promise<TokenLength[]> {
  if (conversations.length === 0) return [];
  const { stdout, stderr, exitCode } = await execa(python, ['-m', 'trainer.token_lengths', modelPath], {
    cwd: PROJECT_ROOT,
    env: childEnv({ PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' }),
    input: conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join(''),
    reject: false,
  });
  if (exitCode !== 0)
    throw new DatasetError(
      `The tokens cannot be counted: ${stderr.trim().split('\n').at(-1) ?? `exit code ${exitCode}`}`,
    );
  return stdout.split('\n').map((line) => LengthSchema.parse(JSON.parse(line)));
}

/** How many of a row's tokens are trained on: none when no answer is within the length. */
export function trainedTokens(length: TokenLength, maxLength: number): number {
  if ('problem' in length || length.first_answer === null || length.first_answer >= maxLength) return 0;
  return Math.min(length.tokens, maxLength);
}
