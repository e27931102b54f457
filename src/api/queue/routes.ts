import type { z } from 'zod';
import { expectedStarts } from '../../commands/estimates/expected-starts.ts';
import { nameOf, type RunOwner } from '../../commands/runs/owners.ts';
import { changeQueue } from '../../commands/runs/queue.ts';
import { readRuns } from '../../models/runs/all-runs.ts';
import { waitingPage } from '../../models/runs/line.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { date, IdParams } from '../http/shared-schema.ts';
import { presentListedRun } from '../runs/present.ts';
import { QueueChangeSchema, QueueQuery, QueueSchema } from './schema.ts';

/** The runs that wait to be trained. */
export function addQueue(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/queue/',
    role: 'viewer',
    summary: 'List the runs that wait to be trained in the order in which they begin, held ones in their places',
    tag: 'Runs',
    query: QueueQuery,
    success: { status: 200, description: 'A page of runs', schema: QueueSchema },
    handle: async ({ query }) => {
      const { limit, offset } = limitsOf(query);
      const [{ ids, total }, starts] = await Promise.all([
        waitingPage(limit, offset, query.run_id),
        expectedStarts(env),
      ]);
      const items = (await readRuns(ids)).map((run) => {
        const start = run.queue_place ? starts(run.queue_place) : null;
        return { ...presentListedRun(run), expected_start_at: date(start) };
      });
      return pageOf(items, total, query);
    },
  });
}

/** Of a job or project. `show` gives it as it is then, in the shape of `schema`. */
export function addQueueChange(
  endpoints: Endpoints,
  {
    kind,
    tag,
    schema,
    show,
  }: { kind: RunOwner['kind']; tag: string; schema: z.ZodType; show: (id: number) => Promise<unknown> },
): void {
  endpoints.add({
    method: 'post',
    path: `/${kind}s/{id}/queue`,
    role: 'trainer',
    summary:
      kind === 'job'
        ? 'Change when a job begins that waits for its first worker'
        : 'Change when a project begins that waits for its first worker, or is not started yet',
    tag,
    params: IdParams,
    body: QueueChangeSchema,
    success: { status: 200, description: `The ${kind}, with its place`, schema },
    errors: { 400: 'It has begun, or cannot come after that', 404: `${nameOf(kind)} not found` },
    handle: async ({ params: { id }, body }) => {
      await changeQueue({ kind, id }, body);
      return await show(id);
    },
  });
}
