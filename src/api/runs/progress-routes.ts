import { Readable } from 'node:stream';
import { z } from 'zod';
import { findRun } from '../../commands/runs/owners.ts';
import { readCurves } from '../../models/runs/run-curves.ts';
import { readMetrics, STREAM_START } from '../../models/runs/run-stream.ts';
import type { Env } from '../../platform/env.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { leavingOf } from '../http/request.ts';
import { CurvesQuery, CurvesSchema } from './curves-schema.ts';
import { eventStream, placeOf } from './event-stream.ts';
import { EventSchema, EventsHeaders, EventsQuery, STREAM_PLACE } from './events-schema.ts';
import { readLog } from './files.ts';
import type { HorizonWatch } from './horizon-watch.ts';
import { MetricsQuery, MetricsSchema } from './metrics-schema.ts';
import { presentCurves } from './present-curves.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { LogsQuery } from './schema.ts';

/** How far a run is: its events as they happen, its curves, and what its trainer says. */
export function addRunProgress(
  endpoints: Endpoints,
  { kind, path, common, errors }: RunsOfKind,
  env: Env,
  horizon: HorizonWatch,
): void {
  endpoints.add({
    ...common,
    path: `${path}/events`,
    role: 'viewer',
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
      const options = { signal: leavingOf(ctx), horizon, onlyNewSteps: query.steps === 'new' };
      return Readable.from(eventStream(run.id, place, options));
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/metrics`,
    role: 'viewer',
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
    path: `${path}/curves`,
    role: 'viewer',
    summary: 'The curves of a run over all of its attempts, in buckets of steps that keep extremes',
    query: CurvesQuery,
    success: { status: 200, description: 'The curves', schema: CurvesSchema },
    errors,
    handle: async ({ params: { id }, query: { run: number, from_step: fromStep, to_step: toStep, points } }) => {
      const run = await findRun({ kind, id }, number);
      return presentCurves(run.number, await readCurves(run.id, { fromStep, toStep, points }));
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/logs`,
    role: 'viewer',
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
}
