import type { Context } from 'koa';
import { type Answering, askModel } from '../../commands/openai/serve-model.ts';
import { TransientError, UserError } from '../../platform/failure.ts';
import type { Done, Logprobs, PromptLogprobs, Said, ServedRequest } from '../../serving/serving-protocol.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import { leavingOf } from '../http/request.ts';
import { OPENAI_WIRE } from './wire.ts';

/** What of the tokens of a request was read and said. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** One of the answers to a request. */
export interface Choice {
  text: string;
  logprobs: Logprobs[];
  promptLogprobs: PromptLogprobs[];
  finish: 'stop' | 'length' | 'tool_calls';
  calls: { name: string; arguments: string }[];
}

/** Asks a model for a client, until that leaves. @throws as askModel */
export async function askFor(
  ctx: Context,
  { env, models }: ApiDependencies,
  request: ServedRequest & { model: string },
): Promise<Answering> {
  return await askModel({ env, models }, request, leavingOf(ctx));
}

export function usageOf(prompt_tokens: number, completion_tokens: number): Usage {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** All of what was said: the choices in their order, and the usage. @throws what ends the answer before */
export async function wholeAnswer({ accepted, told }: Answering): Promise<{ choices: Choice[]; usage: Usage }> {
  const choices: Choice[] = [];
  let usage = usageOf(accepted.prompt_tokens, 0);
  for await (const line of told) {
    if ('done' in line) {
      usage = usageOf(accepted.prompt_tokens, line.completion_tokens);
      continue;
    }
    choices[line.index] ??= { text: '', logprobs: [], promptLogprobs: [], finish: 'length', calls: [] };
    const choice = choices[line.index] as Choice;
    choice.text += line.text;
    if (line.logprobs) choice.logprobs.push(line.logprobs);
    if (line.prompt_logprobs) choice.promptLogprobs = line.prompt_logprobs;
    if ('finish' in line) Object.assign(choice, { finish: line.finish, calls: line.calls });
  }
  return { choices, usage };
}

/**
 * An answer as Server-Sent Events of that wire: what `present` makes of each piece, and `[DONE]`. What ends it before stands in the stream,
 * where its clients raise it.
 */
export async function* streamOf(
  told: AsyncGenerator<Said | Done>,
  present: (line: Said | Done) => object[],
): AsyncGenerator<string> {
  try {
    for await (const line of told) for (const chunk of present(line)) yield frame(chunk);
  } catch (error) {
    if (!(error instanceof UserError || error instanceof TransientError)) throw error;
    const code = error instanceof UserError ? error.code : null;
    const status = error instanceof UserError ? 400 : 503;
    yield frame(OPENAI_WIRE.errorBody({ status, detail: error.message, field: null, code }) as object);
    return;
  }
  yield 'data: [DONE]\n\n';
}

/** Says that what follows is such a stream, also to proxies, which would keep it back. */
export function beginStream(ctx: Context): void {
  ctx.type = 'text/event-stream';
  ctx.set('X-Accel-Buffering', 'no');
}

function frame(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
