import type { z } from 'zod';
import { newId } from '../../../commands/openai/files.ts';
import type { Done, Logprobs, Said } from '../../../serving/serving-protocol.ts';
import { type Choice, type Usage, usageOf } from '../answering.ts';
import type { ChatChunkSchema, ChatSchema } from './schema.ts';

/** What all parts of an answer share. */
export interface About {
  id: string;
  created: number;
  model: string;
}

/** How a client wants to be answered. */
export interface Shown {
  withLogprobs: boolean;
  withUsage: boolean;
  oneCall: boolean;
}

export function presentChat(
  about: About,
  { choices, usage }: { choices: Choice[]; usage: Usage },
  { withLogprobs, oneCall }: Shown,
): z.input<typeof ChatSchema> {
  return {
    ...about,
    object: 'chat.completion',
    choices: choices.map(({ text, logprobs, finish, calls }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: text === '' && calls.length > 0 ? null : text,
        refusal: null,
        ...(calls.length > 0 ? { tool_calls: presentCalls(calls, oneCall) } : {}),
      },
      logprobs: withLogprobs ? presentLogprobs(logprobs) : null,
      finish_reason: finish,
    })),
    usage,
  };
}

type Chunk = z.input<typeof ChatChunkSchema>;

/** Makes chunks of what is said: the role first of each choice, calls of tools as a whole, usage last where it is wanted. */
export function chatChunks(about: About, promptTokens: number, { withLogprobs, withUsage, oneCall }: Shown) {
  const begun = new Set<number>();
  const chunk = (choices: Chunk['choices'], usage: Usage | null = null): Chunk => ({
    ...about,
    object: 'chat.completion.chunk',
    choices,
    ...(withUsage ? { usage } : {}),
  });
  return (line: Said | Done): Chunk[] => {
    if ('done' in line) return withUsage ? [chunk([], usageOf(promptTokens, line.completion_tokens))] : [];
    const { index, text, logprobs } = line;
    const told = withLogprobs && logprobs ? presentLogprobs([logprobs]) : null;
    const part = (delta: Chunk['choices'][number]['delta'], finish_reason: Choice['finish'] | null = null) =>
      chunk([
        { index, delta, logprobs: finish_reason === null && delta.role === undefined ? told : null, finish_reason },
      ]);
    const chunks = begun.has(index) ? [] : [part({ role: 'assistant', content: '' })];
    begun.add(index);
    if (text !== '' || told) chunks.push(part({ content: text }));
    if ('finish' in line) {
      const calls = presentCalls(line.calls, oneCall).map((call, place) => ({ ...call, index: place }));
      if (calls.length > 0) chunks.push(part({ tool_calls: calls }));
      chunks.push(part({}, line.finish));
    }
    return chunks;
  };
}

function presentCalls(calls: Choice['calls'], oneCall: boolean) {
  return calls
    .slice(0, oneCall ? 1 : undefined)
    .map((call) => ({ id: newId('call_'), type: 'function' as const, function: call }));
}

function presentLogprobs(tokens: Logprobs[]) {
  const shown = ({ token, logprob }: { token: string; logprob: number }) => ({
    token,
    logprob,
    bytes: [...Buffer.from(token)],
  });
  return { content: tokens.map((one) => ({ ...shown(one), top_logprobs: one.top.map(shown) })), refusal: null };
}
