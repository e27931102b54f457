import { Readable } from 'node:stream';
import type { z } from 'zod';
import { newId } from '../../../commands/openai/files.ts';
import type { Answering } from '../../../commands/openai/serve-model.ts';
import type { Done, PromptLogprobs, Said } from '../../../serving/serving-protocol.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { askFor, beginStream, streamOf, usageOf, wholeAnswer } from '../answering.ts';
import { seconds } from '../lists.ts';
import { samplingOf } from '../sampling.ts';
import { CompletionRequest, CompletionSchema } from './schema.ts';

const MOST_TOKENS = 16;

type Body = z.output<typeof CompletionRequest>;
type Completion = z.input<typeof CompletionSchema>;

export function addCompletions(endpoints: Endpoints, dependencies: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/completions',
    role: 'trainer',
    changesNothing: true,
    summary: 'Let a model go on from a text, without its chat template',
    tag: 'Answers',
    body: CompletionRequest,
    success: {
      status: 200,
      description: 'How it goes on; with `stream` as Server-Sent Events',
      schema: CompletionSchema,
      streamed: CompletionSchema,
    },
    errors: {
      400: 'The model cannot be asked this',
      404: 'No such model',
      503: 'No room for the model, or PostgreSQL is away; try again',
    },
    handle: async ({ body, ctx }) => {
      const asked = await Promise.all(
        body.prompt.map((prompt) => askFor(ctx, dependencies, { model: body.model, ...requestOf(body, prompt) })),
      );
      const about = {
        id: newId('cmpl-'),
        object: 'text_completion' as const,
        created: seconds(new Date()),
        model: body.model,
      };
      if (!body.stream) return { ...about, ...(await allOf(asked, body)) };
      beginStream(ctx);
      return Readable.from(streamOf(merged(asked, body.n), chunksOf(about, asked, body)));
    },
  });
}

function requestOf(body: Body, prompt: string | number[]) {
  return {
    ...samplingOf(body),
    prompt,
    echo: body.echo === true,
    max_tokens: body.max_tokens ?? MOST_TOKENS,
    top_logprobs: body.logprobs ?? null,
  };
}

/** The choices of each prompt behind those of the one before. */
async function allOf(asked: Answering[], body: Body): Promise<Pick<Completion, 'choices' | 'usage'>> {
  const answers = await Promise.all(asked.map(wholeAnswer));
  const sum = (tokens: number[]) => tokens.reduce((total, count) => total + count, 0);
  return {
    choices: answers.flatMap(({ choices }, place) =>
      choices.map(({ text, logprobs, promptLogprobs, finish }, index) => ({
        index: place * body.n + index,
        text,
        logprobs: typeof body.logprobs === 'number' ? presentLogprobs([...promptLogprobs, ...logprobs]) : null,
        finish_reason: finish === 'length' ? finish : ('stop' as const),
      })),
    ),
    usage: usageOf(
      sum(answers.map(({ usage }) => usage.prompt_tokens)),
      sum(answers.map(({ usage }) => usage.completion_tokens)),
    ),
  };
}

/** What is said to several prompts, as it comes: each with the index that it has among all choices, and one end for all. */
async function* merged(asked: Answering[], n: number): AsyncGenerator<Said | Done> {
  const next = new Map(
    asked.map(({ told }, place) => [place, told.next().then((result) => ({ place, result }))] as const),
  );
  let completion_tokens = 0;
  try {
    while (next.size > 0) {
      const { place, result } = await Promise.race(next.values());
      const told = asked[place]?.told;
      if (result.done || !told) {
        next.delete(place);
        continue;
      }
      next.set(
        place,
        told.next().then((following) => ({ place, result: following })),
      );
      if ('done' in result.value) completion_tokens += result.value.completion_tokens;
      else yield { ...result.value, index: place * n + result.value.index };
    }
  } finally {
    await Promise.all(asked.map(({ told }) => told.return(undefined)));
  }
  yield { id: '', done: true, completion_tokens };
}

function chunksOf(about: Pick<Completion, 'id' | 'object' | 'created' | 'model'>, asked: Answering[], body: Body) {
  const withUsage = body.stream_options?.include_usage === true;
  const prompts = asked.reduce((total, { accepted }) => total + accepted.prompt_tokens, 0);
  /** Of each choice: how many characters of it were shown. */
  const shown = new Map<number, number>();
  return (line: Said | Done): Completion[] => {
    if ('done' in line)
      return withUsage ? [{ ...about, choices: [], usage: usageOf(prompts, line.completion_tokens) }] : [];
    const { index, text, logprobs, prompt_logprobs: ofPrompt = [] } = line;
    const tokens = [...ofPrompt, ...(logprobs ? [logprobs] : [])];
    const finish = 'finish' in line ? (line.finish === 'length' ? line.finish : 'stop') : null;
    const told =
      typeof body.logprobs === 'number' && tokens.length > 0 ? presentLogprobs(tokens, shown.get(index)) : null;
    shown.set(index, (shown.get(index) ?? 0) + charactersOf(tokens));
    return [
      {
        ...about,
        choices: [{ index, text, logprobs: told, finish_reason: finish }],
        ...(withUsage ? { usage: null } : {}),
      },
    ];
  };
}

/** `start`: how many characters stand before these tokens. */
function presentLogprobs(tokens: PromptLogprobs[], start = 0) {
  let offset = start;
  const text_offset = tokens.map(({ token }) => {
    offset += [...token].length;
    return offset - [...token].length;
  });
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ logprob, top }) =>
      logprob === null ? null : Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset,
  };
}

/** As Python counts them, in which most of that wire's clients slice the text. */
function charactersOf(tokens: PromptLogprobs[]): number {
  return tokens.reduce((total, { token }) => total + [...token].length, 0);
}
