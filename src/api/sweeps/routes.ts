import { createSweep } from '../../commands/sweeps/create-sweep.ts';
import { planSweep } from '../../commands/sweeps/plan-sweep.ts';
import { changeQueueOfSweep } from '../../commands/sweeps/sweep-queue.ts';
import { actOnSweep, deleteSweep, findSweep, type SweepAction } from '../../commands/sweeps/sweeps.ts';
import { Sweep } from '../../models/sweeps/sweep.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { IdParams } from '../http/shared-schema.ts';
import { QueueChangeSchema } from '../queue/schema.ts';
import { presentSweepPlan, SweepPlanSchema } from './plan.ts';
import { presentSweep, presentSweeps } from './present.ts';
import { SweepCreate, SweepListQuery, SweepListSchema, SweepSchema } from './schema.ts';

const tag = 'Sweeps';
const path = '/sweeps/{id}';
const errors = { 404: 'Sweep not found' };

/** Runs of one job with other settings each, of which the best is found. */
export function addSweeps(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/sweeps/',
    role: 'trainer',
    summary:
      'Train one job or project with many settings or mixtures, each as one of its own, and find the best by held-out loss',
    tag,
    body: SweepCreate,
    success: { status: 201, description: 'The sweep', schema: SweepSchema, location: '/sweeps/{id}' },
    creates: true,
    errors: {
      400: 'Invalid dataset or parameters, too many combinations, or a combination that no job or project may have',
    },
    handle: ({ body, once }) =>
      once(async (transaction) => {
        const { id } = await createSweep(body, env, transaction);
        return await presentSweep(await findSweep(id, transaction), transaction);
      }),
  });

  endpoints.add({
    method: 'post',
    path: '/sweeps/plan',
    role: 'trainer',
    changesNothing: true,
    summary: 'What a sweep would be: its runs, what each takes, and why one would be refused; nothing is created',
    tag,
    body: SweepCreate,
    success: { status: 200, description: 'The plan', schema: SweepPlanSchema },
    errors: { 400: 'Invalid dataset or parameters, or too many combinations' },
    mayTakeLong: true,
    handle: async ({ body, slowly }) => presentSweepPlan(await planSweep(body, { env, slowly })),
  });

  endpoints.add({
    method: 'get',
    path: '/sweeps/',
    role: 'viewer',
    summary: 'List sweeps, newest first',
    tag,
    query: SweepListQuery,
    success: { status: 200, description: 'A page of sweeps', schema: SweepListSchema },
    handle: async ({ query: { status, ...page } }) => {
      const where = status === undefined ? {} : { status };
      const order: [string, string][] = [['id', 'DESC']];
      const { rows, count } = await Sweep.findAndCountAll({ where, order, ...limitsOf(page) });
      return pageOf(await presentSweeps(rows), count, page);
    },
  });

  endpoints.add({
    method: 'get',
    path,
    role: 'viewer',
    summary: 'How far a sweep is: its runs with their settings and held-out losses, and the winner',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The sweep', schema: SweepSchema },
    errors,
    handle: async ({ params: { id } }) => await presentSweep(await findSweep(id)),
  });

  const actions: [SweepAction, string][] = [
    ['pause', 'Pause a sweep: its runs save and give their workers back'],
    ['resume', 'Let a paused sweep go on'],
    ['cancel', 'Cancel a sweep with its runs that have not ended'],
  ];
  for (const [action, summary] of actions)
    endpoints.add({
      method: 'post',
      path: `${path}/${action}`,
      role: 'trainer',
      summary,
      tag,
      params: IdParams,
      success: { status: 200, description: 'The sweep', schema: SweepSchema },
      errors: { 400: 'It is in no state for that', ...errors },
      handle: async ({ params: { id } }) => {
        await actOnSweep(id, action);
        return await presentSweep(await findSweep(id));
      },
    });

  endpoints.add({
    method: 'post',
    path: `${path}/queue`,
    role: 'trainer',
    summary: 'Change when the runs of a sweep begin that wait for their first worker',
    tag,
    params: IdParams,
    body: QueueChangeSchema,
    success: { status: 200, description: 'The sweep', schema: SweepSchema },
    errors: { 400: 'None of its runs waits, or one cannot come after that', ...errors },
    handle: async ({ params: { id }, body }) => {
      await changeQueueOfSweep(id, body);
      return await presentSweep(await findSweep(id));
    },
  });

  endpoints.add({
    method: 'delete',
    path,
    role: 'trainer',
    summary: 'Delete a sweep that has ended; its jobs or projects stay, as ones of their own',
    tag,
    params: IdParams,
    success: { status: 204, description: 'Deleted' },
    errors: { ...errors, 409: 'It has not ended' },
    handle: ({ params: { id } }) => deleteSweep(id),
  });
}
