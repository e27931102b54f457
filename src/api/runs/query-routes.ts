import { Readable } from 'node:stream';
import { queryBundle, streamAnswer } from '../../commands/runs/query-bundle.ts';
import { findOutput } from '../../commands/versions/find-output.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { badRequest } from '../http/errors.ts';
import { leavingOf } from '../http/request.ts';
import { answerStream } from './answer-stream.ts';
import { QueryEventSchema, QueryRequest, QuerySchema } from './query-schema.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { OutputQuery } from './schema.ts';

/** Questions to what a run of the type rag made. */
export function addRunQuery(
  endpoints: Endpoints,
  { kind, path, common, errors }: RunsOfKind,
  dependencies: ApiDependencies,
): void {
  endpoints.add({
    ...common,
    method: 'post',
    path: `${path}/query`,
    role: 'trainer',
    changesNothing: true,
    summary: 'The passages that fit a question best, of what a run of the type rag made, and an answer from them',
    query: OutputQuery,
    body: QueryRequest,
    success: {
      status: 200,
      description: 'Chunks, best first, and an answer where one was asked for; with `stream` as Server-Sent Events',
      schema: QuerySchema,
      streamed: QueryEventSchema,
    },
    errors: { ...errors, 400: 'The run is of another type, has not completed, or its base model cannot answer' },
    mayTakeLong: true,
    handle: async ({ params: { id }, query, body: { stream, ...body }, slowly, ctx }) => {
      if (stream && !body.answer)
        throw badRequest(
          'stream is true, and answer is not: there is nothing to stream. Send {"answer": true} as well.',
        );
      const run = await findOutput({ kind, id }, query.run);
      if (stream) {
        const answer = await streamAnswer(dependencies, run, body, leavingOf(ctx));
        ctx.type = 'text/event-stream';
        ctx.set('X-Accel-Buffering', 'no');
        return Readable.from(answerStream(answer));
      }
      return await slowly({ runId: run.id, body }, () => queryBundle(dependencies, run, body));
    },
  });
}
