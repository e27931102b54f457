import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { z } from 'zod';
import { authorization, reach } from '../api/client.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import { runNameIn } from '../runs/run-name.ts';
import { withoutModel } from '../runs/without-model.ts';
import type { Session } from '../session.ts';
import { sayIfSlow } from '../terminal/slow.ts';

interface ChatOptions {
  system?: string;
  temperature: string;
  maxTokens?: string;
}

const ChunkSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({ choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })) }),
]);

const RefusedSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

/** The body of a request. */
interface Asked {
  model: string;
  messages: Message[];
}

interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/**
 * `mtm chat MODEL`: a conversation with a model of the service; with a question, its answer alone, and with --json as the API gives it.
 * @throws CommandFailure with a sentence when the service is not there, or the model cannot answer
 */
export async function chat(session: Session, model: string, question: string[], options: ChatOptions): Promise<void> {
  const begun: Message[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  const bodyOf = (messages: Message[], stream: boolean) => ({
    ...{ model, messages, stream, temperature: Number(options.temperature) },
    ...(options.maxTokens === undefined ? {} : { max_tokens: Number(options.maxTokens) }),
  });
  const asked: Message[] = [...begun, { role: 'user', content: question.join(' ') }];
  if (session.isJson) {
    if (question.length === 0)
      throw new CommandFailure('--json is for one question: mtm chat MODEL QUESTION --json', EXIT.usage);
    const answer: unknown = await (await send(session, bodyOf(asked, false))).json();
    return session.print(answer, () => '');
  }
  const say = async (messages: Message[], left?: AbortSignal) => await answer(session, bodyOf(messages, true), left);
  if (question.length > 0) await say(asked);
  else await converse(begun, say);
}

/** Questions from the terminal, until its end. Ctrl-C ends an answer, and between answers the conversation. */
async function converse(
  begun: Message[],
  say: (messages: Message[], left: AbortSignal) => Promise<string>,
): Promise<void> {
  console.log('Ctrl-C ends an answer, Ctrl-D the conversation; /new begins another one.');
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  let answering: AbortController | null = null;
  terminal.on('SIGINT', () => (answering ? answering.abort() : terminal.close()));
  let messages = begun;
  terminal.prompt();
  for await (const line of terminal) {
    if (line.trim() === '/new') messages = begun;
    else if (line.trim() !== '') {
      const asked: Message[] = [...messages, { role: 'user', content: line }];
      answering = new AbortController();
      try {
        messages = [...asked, { role: 'assistant', content: await say(asked, answering.signal) }];
      } catch (error) {
        if (!answering.signal.aborted) console.error(error instanceof Error ? error.message : String(error));
        else console.log();
      }
      answering = null;
    }
    terminal.prompt();
  }
}

async function send(session: Session, body: Asked, left?: AbortSignal): Promise<Response> {
  const { server } = session;
  const response = await reach(server.url, () =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...authorization(server.key) },
      body: JSON.stringify(body),
      ...(left ? { signal: left } : {}),
    }),
  );
  if (response.ok) return response;
  const { error } = RefusedSchema.parse(await response.json());
  throw error.code === 'model_not_found' ? await absent(session, body.model) : new CommandFailure(error.message);
}

/** Why no model answers to a name. */
async function absent(session: Session, model: string): Promise<CommandFailure> {
  const run = runNameIn(model);
  const why = run === null ? null : await withoutModel(session, run);
  if (why !== null) return why;
  return new CommandFailure(
    `There is no model ${model}. \`mtm model list\` shows the base models, and \`mtm job list\` what was trained.`,
  );
}

/** Writes an answer as it is said. @returns all of it */
async function answer(session: Session, body: Asked, left?: AbortSignal): Promise<string> {
  const isLoaded = sayIfSlow(session.say, 'Loading the model…');
  try {
    return await written(session, body, isLoaded, left);
  } finally {
    isLoaded();
  }
}

async function written(session: Session, body: Asked, onBegun: () => void, left?: AbortSignal): Promise<string> {
  const { body: stream } = await send(session, body, left);
  if (stream === null) return '';
  let said = '';
  const lines = createInterface({ input: Readable.fromWeb(stream as ReadableStream) });
  for await (const line of lines) {
    const [, data] = /^data: (.*)$/.exec(line) ?? [];
    if (data === undefined || data === '[DONE]') continue;
    const chunk = ChunkSchema.parse(JSON.parse(data));
    if ('error' in chunk) throw new CommandFailure(chunk.error.message);
    onBegun();
    const text = chunk.choices[0]?.delta.content ?? '';
    process.stdout.write(text);
    said += text;
  }
  console.log();
  return said;
}
