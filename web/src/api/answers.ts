import { ApiAway, ApiRefusal } from './client.ts';
import { connection } from './connection.ts';
import { sentEvents } from './sent-events.ts';
import type { AskedMessage, Sampling, Tool } from './types.ts';

/** What a model is asked, and how it chooses its words. */
export interface Asked {
  model: string;
  messages: AskedMessage[];
  tools: Tool[] | null;
  parameters: Sampling;
}

export interface Call {
  name: string;
  arguments: string;
}

/** Why an answer came to its end. */
export type Finish = 'stop' | 'length' | 'tool_calls';

/** What is heard of an answer: that the model has taken the question, a piece of what it says, its end, how many tokens it said. */
export type Heard = { isTaken: true } | { text: string } | { calls: Call[] } | { finish: Finish } | { tokens: number };

/** What of a chunk of `/v1/chat/completions` is read here. It is of OpenAI's wire, which the generated types leave out. */
interface Chunk {
  error?: { message: string };
  choices?: {
    delta: { content?: string; tool_calls?: { function: Call }[] };
    finish_reason: Finish | null;
  }[];
  usage?: { completion_tokens: number } | null;
}

/**
 * An answer as it is said, until `signal`: the model says no more then.
 * @throws ApiRefusal where the model cannot be asked, or cannot go on; ApiAway; an AbortError after `signal`
 */
export async function* answerTo({ model, messages, tools, parameters }: Asked, signal: AbortSignal) {
  const asked = { model, messages, ...(tools === null ? {} : { tools }), ...parameters };
  const response = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...asked, stream: true, stream_options: { include_usage: true } }),
    signal,
  }).catch(throwAway);
  connection.reached();
  if (!response.ok || response.body === null) throw await refusalOf(response);
  yield { isTaken: true } satisfies Heard;
  try {
    for await (const { data } of sentEvents(response.body)) {
      if (data === '[DONE]') return;
      yield* heardIn(JSON.parse(data) as Chunk);
    }
  } catch (error) {
    if (error instanceof ApiRefusal) throw error;
    throwAway(error);
  }
  throwAway(new Error('The answer ended before its end was said.'));
}

function* heardIn({ error, choices = [], usage }: Chunk): Generator<Heard> {
  if (error) throw new ApiRefusal(400, error.message);
  for (const { delta, finish_reason: finish } of choices) {
    if (delta.content) yield { text: delta.content };
    if (delta.tool_calls) yield { calls: delta.tool_calls.map(({ function: call }) => call) };
    if (finish !== null) yield { finish };
  }
  if (usage) yield { tokens: usage.completion_tokens };
}

function throwAway(cause: unknown): never {
  if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
  connection.lost();
  throw new ApiAway(cause);
}

async function refusalOf(response: Response): Promise<ApiRefusal> {
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: unknown } };
  const message = body.error?.message;
  return new ApiRefusal(response.status, typeof message === 'string' ? message : `The answer was ${response.status}.`);
}
