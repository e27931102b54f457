import { z } from 'zod';
import { askTokenizer, UnusableTokenizer } from '../trainer/ask-tokenizer.ts';
import type { Hyperparameters, TooLongChoice } from '../trainer/hyperparameters.ts';
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
  trainOn: Hyperparameters['train_on'];
  /** Beyond those of the model. */
  newTokens: string[];
}

/** A conversation as a mixture has it, in JSON texts. */
export interface EncodedConversation {
  messages: string;
  tools: string | null;
  /** Of a pair of answers, what the other one has in place of that which is learnt. */
  rejected?: string | null;
}

/** The conversation of a row that was read from a mixture or a dataset. */
export function encodedIn({ messages, tools, rejected }: Record<string, unknown>): EncodedConversation {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : null);
  return { messages: String(messages), tools: textOf(tools), rejected: textOf(rejected) };
}

const LengthSchema = z.union([
  z.strictObject({
    /** Of the whole row, of a pair of answers with the longer one. */
    tokens: z.int(),
    /** With both. */
    total: z.int(),
    /** Of the examples that it is trained on as. */
    trained: z.int(),
    /** A pair of answers is one. */
    examples: z.int(),
    /** Of these, the one with most tokens. */
    longest: z.int(),
    truncated: z.boolean(),
    dropped: z.boolean(),
    /** What it is learnt without, or otherwise than it stands there: of rows, as "have thoughts that …". */
    notes: z.array(z.string()),
  }),
  z.strictObject({ problem: z.string() }),
]);
/** Tokens of a conversation; or why it cannot be written with the model's chat template. */
export type TokenLength = z.infer<typeof LengthSchema>;

/** Of each conversation: some thousands a second. @throws DatasetError */
export async function tokenLengths(tokenizer: Tokenizer, conversations: EncodedConversation[]): Promise<TokenLength[]> {
  if (conversations.length === 0) return [];
  const input = conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join('');
  const lines = await askOf(tokenizer, { module: 'token_lengths', input });
  return lines.split('\n').map((line) => LengthSchema.parse(JSON.parse(line)));
}

const RowTokensSchema = z.union([
  z.strictObject({
    examples: z.array(
      z.strictObject({
        tokens: z.int(),
        /** Beyond max_length, or all where the row is left out. */
        cut_off: z.int(),
        learnt: z.int(),
      }),
    ),
    dropped: z.boolean(),
    notes: z.array(z.string()),
    tokens: z.array(
      z.strictObject({
        example: z.int(),
        id: z.int(),
        text: z.string(),
        learnt: z.boolean(),
        weight: z.number(),
        special: z.boolean(),
        cut_off: z.boolean(),
      }),
    ),
  }),
  z.strictObject({ problem: z.string() }),
]);
/** The tokens of a conversation, or why the model's chat template refuses it. */
export type RowTokens = z.infer<typeof RowTokensSchema>;

/** `limit` of the tokens of a conversation from `offset` on, counted over all of its examples. @throws DatasetError */
export async function conversationTokens(
  tokenizer: Tokenizer,
  conversation: EncodedConversation,
  { offset, limit }: { offset: number; limit: number },
): Promise<RowTokens> {
  const options = ['--offset', `${offset}`, '--limit', `${limit}`];
  const input = JSON.stringify(conversation);
  return RowTokensSchema.parse(JSON.parse(await askOf(tokenizer, { module: 'row_tokens', options, input })));
}

async function askOf(
  tokenizer: Tokenizer,
  { module, options = [], input }: { module: 'token_lengths' | 'row_tokens'; options?: string[]; input: string },
): Promise<string> {
  const { python, modelPath, maxLength, tooLong, newTokens } = tokenizer;
  const { reasoning = 'inline', toolCalls = 'refuse', trainOn = 'answers' } = tokenizer;
  const limits = ['--max-length', `${maxLength}`, '--too-long', tooLong];
  const shown = ['--reasoning', reasoning, '--tool-calls', toolCalls, '--train-on', trainOn];
  const added = newTokens.map((token) => `--new-token=${token}`);
  try {
    return await askTokenizer({
      python,
      module,
      modelPath,
      options: [...limits, ...shown, ...added, ...options],
      input,
    });
  } catch (error) {
    if (!(error instanceof UnusableTokenizer)) throw error;
    throw new DatasetError(`The tokens cannot be counted: ${error.message}`);
  }
}
