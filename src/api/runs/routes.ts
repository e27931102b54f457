import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { findRun, type RunOwner, requireOwner, runsOf } from '../../commands/runs/owners.ts';
import { queryBundle, streamAnswer } from '../../commands/runs/query-bundle.ts';
import { inReader } from '../../datasets/in-data-process.ts';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { withPlaces } from '../../models/runs/latest-run.ts';
import { Run } from '../../models/runs/run.ts';
import { readMetrics, STREAM_START } from '../../models/runs/run-stream.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import { requireFile, sendDownload } from '../http/download.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { badRequest } from '../http/errors.ts';
import { leavingOf } from '../http/request.ts';
import { date, IdParams, pageQuery } from '../http/shared-schema.ts';
import { answerStream } from './answer-stream.ts';
import { eventStream, placeOf } from './event-stream.ts';
import { archiveOutput, findMixture, mixtureFile, mixtureIsGone, readLog, readReport } from './files.ts';
import { HorizonWatch } from './horizon-watch.ts';
import { presentOneRun } from './present.ts';
import {
  CheckpointsSchema,
  EventSchema,
  EventsHeaders,
  EventsQuery,
  LogsQuery,
  MetricsQuery,
  MetricsSchema,
  MixtureFileQuery,
  MixtureQuery,
  MixtureSchema,
  QueryEventSchema,
  QueryRequest,
  QuerySchema,
  ReportSchema,
  RunListSchema,
  RunQuery,
  STREAM_PLACE,
} from './schema.ts';

/** The report links to its picture: they lie beside each other. */
const REPORT_FILES = [
  {
    name: 'report',
    file: 'report.json',
    summary: 'How the trained model compares with its base, and what it was made from',
    contentType: 'application/json',
    schema: ReportSchema,
  },
  {
    name: 'report.md',
    file: 'report.md',
    summary: 'The same for people, in Markdown',
    contentType: 'text/markdown',
    schema: z.string().openapi({ example: '# org/model, fine-tuned: report\n' }),
  },
  {
    name: 'curves.png',
    file: 'curves.png',
    summary: 'The losses and the learning rate of a run by step, as a picture',
    contentType: 'image/png',
    schema: z.string().openapi({ format: 'binary', example: '(the bytes of the picture)' }),
  },
];

/** The same endpoints for the runs of jobs and of projects. */
export function addRuns(endpoints: Endpoints, dependencies: ApiDependencies): void {
  const horizon = new HorizonWatch(dependencies.logger);
  for (const kind of ['job', 'project'] as const) addRunsOf(kind, endpoints, dependencies, horizon);
}

function addRunsOf(
  kind: RunOwner['kind'],
  endpoints: Endpoints,
  dependencies: ApiDependencies,
  horizon: HorizonWatch,
): void {
  const { env } = dependencies;
  const path = `/${kind}s/{id}` as const;
  const common = { method: 'get', tag: 'Runs', params: IdParams } as const;
  const errors: Record<number, string> = { 404: `No such ${kind}, or no such run of it` };
  // A job has a run from its creation on.
  if (kind === 'project') errors[400] = 'The project has not been started';

  endpoints.add({
    ...common,
    path: `${path}/runs`,
    summary: `List the runs of a ${kind}, newest first`,
    query: pageQuery(10),
    success: { status: 200, description: 'A page of runs', schema: RunListSchema },
    errors: { 404: `No such ${kind}` },
    handle: async ({ params: { id }, query: { page, page_size } }) => {
      const owner = { kind, id };
      await requireOwner(owner);
      const [{ rows, count }, all] = await Promise.all([
        Run.findAndCountAll({
          where: runsOf(owner),
          order: [['number', 'DESC']],
          limit: page_size,
          offset: (page - 1) * page_size,
        }),
        Run.findAll({ where: runsOf(owner), attributes: ['id', 'number'] }),
      ]);
      const numbers = new Map(all.map((run) => [run.id, run.number]));
      const items = (await withPlaces(rows)).map((run) => presentOneRun(run, numbers));
      return { items, total: count, page, page_size, pages: Math.ceil(count / page_size) };
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/events`,
    summary: 'What happens to a run, as it happens (Server-Sent Events)',
    query: EventsQuery,
    headers: EventsHeaders,
    takesKeyFromQuery: true,
    success: { status: 200, description: 'A stream of events', schema: EventSchema, contentType: 'text/event-stream' },
    errors,
    handle: async ({ params: { id }, query, ctx }) => {
      const run = await findRun({ kind, id }, query.run);
      const lastEventId = ctx.get('Last-Event-ID');
      const seen = STREAM_PLACE.test(lastEventId) ? lastEventId : query.after;
      ctx.type = 'text/event-stream';
      ctx.set('X-Accel-Buffering', 'no');
      const place = seen === undefined ? STREAM_START : placeOf(seen);
      return Readable.from(eventStream(run.id, place, { signal: leavingOf(ctx), horizon }));
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/metrics`,
    summary: 'The loss curve of a run, thinned to so many points',
    query: MetricsQuery,
    success: { status: 200, description: 'The curve', schema: MetricsSchema },
    errors,
    handle: async ({ params: { id }, query }) => {
      const run = await findRun({ kind, id }, query.run);
      return { run_number: run.number, ...(await readMetrics(run.id, query.points)) };
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/logs`,
    summary: "The last lines of a run's trainer",
    query: LogsQuery,
    success: {
      status: 200,
      description: 'Text',
      schema: z.string().openapi({ example: 'step 90 of 200, loss 0.234\n' }),
      contentType: 'text/plain',
    },
    errors: { ...errors, 404: `No such ${kind} or run, or it has written no log yet` },
    handle: async ({ params: { id }, query: { run: number, task, tail }, ctx }) => {
      const log = await readLog(env, await findRun({ kind, id }, number), task, tail);
      ctx.type = 'text/plain; charset=utf-8';
      return log;
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/checkpoints`,
    summary: 'The checkpoints of a run, newest first',
    query: RunQuery,
    success: { status: 200, description: 'The checkpoints', schema: CheckpointsSchema },
    errors,
    handle: async ({ params: { id }, query }) => {
      const run = await findRun({ kind, id }, query.run);
      const found = await Checkpoint.findAll({ where: { run_id: run.id }, order: [['id', 'DESC']] });
      const items = found.map(({ step, epoch, bytes, state, manifest_sha256, created_at }) => {
        return { step, epoch, bytes, state, manifest_sha256, created_at: date(created_at) };
      });
      return { run_number: run.number, items };
    },
  });

  for (const { name, file, summary, contentType, schema } of REPORT_FILES) {
    endpoints.add({
      ...common,
      path: `${path}/${name}`,
      summary,
      query: RunQuery,
      success: { status: 200, description: 'The file', schema, contentType },
      errors: { ...errors, 404: `No such ${kind} or run, or it has not been validated` },
      handle: async ({ params: { id }, query, ctx }) => {
        const content = await readReport(env, await findRun({ kind, id }, query.run), file);
        ctx.type = contentType;
        return content;
      },
    });
  }

  const mixtureErrors = { ...errors, 404: `No such ${kind} or run, or its data is not prepared yet` };
  endpoints.add({
    ...common,
    path: `${path}/mixture`,
    summary: 'The rows that a run trains on, in their order, and where they come from',
    query: MixtureQuery,
    success: { status: 200, description: 'Rows, and the manifest of all of them', schema: MixtureSchema },
    errors: mixtureErrors,
    handle: async ({ params: { id }, query: { run: number, part, offset, rows } }) => {
      const run = await findRun({ kind, id }, number);
      const { dir, manifest } = await findMixture(env, run);
      await requireFile(join(dir, manifest[part].file), mixtureIsGone(run));
      const items = await inReader('mixtureRows', { dir, part, offset, count: rows });
      return {
        run_number: run.number,
        part,
        total: manifest[part].rows,
        sha256: manifest[part].sha256,
        manifest,
        items,
      };
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/mixture/download`,
    summary: 'The rows that a run trains on, as Parquet',
    query: MixtureFileQuery,
    success: {
      status: 200,
      description: 'The file',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/vnd.apache.parquet',
    },
    errors: mixtureErrors,
    inRanges: true,
    handle: async ({ params: { id }, query: { run: number, part }, ctx }) => {
      const run = await findRun({ kind, id }, number);
      return sendDownload(ctx, await mixtureFile(env, run, part));
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/download`,
    summary: 'The trained model, as a tar archive',
    query: RunQuery,
    success: {
      status: 200,
      description: 'The archive',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/x-tar',
    },
    errors: { ...errors, 400: 'The run has no output' },
    inRanges: true,
    handle: async ({ params: { id }, query, ctx }) => {
      return sendDownload(ctx, await archiveOutput(await findRun({ kind, id }, query.run)));
    },
  });

  endpoints.add({
    ...common,
    method: 'post',
    path: `${path}/query`,
    summary: 'The passages that fit a question best, of what a run of the type rag made, and an answer from them',
    query: RunQuery,
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
      const run = await findRun({ kind, id }, query.run);
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
