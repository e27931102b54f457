import { Readable } from 'node:stream';
import type { z } from 'zod';
import { newId } from '../../../commands/openai/files.ts';
import type { ServedRequest } from '../../../serving/serving-protocol.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { askFor, beginStream, streamOf, wholeAnswer } from '../answering.ts';
import { seconds } from '../lists.ts';
import { samplingOf } from '../sampling.ts';
import { heldCallsOf, messageOf, toolsOf } from './asked.ts';
import { chatChunks, presentChat } from './present.ts';
import { ChatChunkSchema, ChatRequest, ChatSchema } from './schema.ts';

/** Where nobody says more: most answers are shorter, and one that does not end is no use. */
const MOST_TOKENS = 1024;

export function addChat(endpoints: Endpoints, dependencies: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/chat/completions',
    role: 'trainer',
    changesNothing: true,
    summary: 'Ask a model: for trying and comparing, not for many users',
    tag: 'Answers',
    body: ChatRequest,
    success: {
      status: 200,
      description: 'The answer; with `stream` as Server-Sent Events',
      schema: ChatSchema,
      streamed: ChatChunkSchema,
    },
    errors: {
      400: 'The model cannot be asked this',
      404: 'No such model',
      503: 'No room for the model, or PostgreSQL is away; try again',
    },
    handle: async ({ body, ctx }) => {
      const answering = await askFor(ctx, dependencies, { model: body.model, ...requestOf(body) });
      const about = { id: newId('chatcmpl-'), created: seconds(new Date()), model: body.model };
      const shown = {
        withLogprobs: body.logprobs === true,
        withUsage: body.stream_options?.include_usage === true,
        oneCall: body.parallel_tool_calls === false,
      };
      if (!body.stream) return presentChat(about, await wholeAnswer(answering), shown);
      beginStream(ctx);
      return Readable.from(streamOf(answering.told, chatChunks(about, answering.accepted.prompt_tokens, shown)));
    },
  });
}

function requestOf(body: z.output<typeof ChatRequest>): ServedRequest {
  return {
    ...samplingOf(body),
    messages: body.messages.map(messageOf),
    tools: body.tool_choice === 'none' ? null : toolsOf(body.tools),
    held_calls: heldCallsOf(body.tools, body.tool_choice),
    max_tokens: body.max_completion_tokens ?? body.max_tokens ?? MOST_TOKENS,
    top_logprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
    schema: schemaOf(body.response_format),
  };
}

/** Any JSON object, where no schema says more. */
function schemaOf(format: z.output<typeof ChatRequest>['response_format']): object | null {
  if (format?.type === 'json_object') return { type: 'object' };
  return format?.type === 'json_schema' ? (format.json_schema.schema ?? { type: 'object' }) : null;
}
