import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { type AtWork, PLANNED } from './at-work.ts';
import { bodyOf, client } from './client.ts';
import type { Plan, RunOwner } from './types.ts';

type Schemas = components['schemas'];

/** A job or project as it is asked for; a project with what its start is asked with. */
export type NewRun =
  | { kind: 'job'; body: Schemas['JobCreate'] }
  | { kind: 'project'; body: Schemas['ProjectCreate']; start: Schemas['StartAfresh'] };
/** The same before it has a name. */
export type PlannedRun =
  | { kind: 'job'; body: Schemas['JobPlanRequest'] }
  | { kind: 'project'; body: Schemas['ProjectPlanRequest'] };

/** What would be trained on. Where that takes long, how far it is: it is asked for again until it is there. */
export function planQuery({ kind, body }: PlannedRun) {
  return queryOptions({
    queryKey: ['plan', kind, body],
    queryFn: () =>
      kind === 'job'
        ? bodyOf<Plan | AtWork>(client.POST('/api/v1/jobs/plan', { body }))
        : bodyOf<Plan | AtWork>(client.POST('/api/v1/projects/plan', { body })),
    ...PLANNED,
  });
}

/** A project that was created, and then not started: `message` says why. */
export class NotStarted extends Error {
  readonly owner: RunOwner;

  constructor(owner: RunOwner, cause: Error) {
    super(cause.message, { cause });
    this.owner = owner;
  }
}

/**
 * Creates a job or a project, and starts a project where that is asked for. Sent again with the same key it creates nothing new.
 * @throws ApiRefusal; NotStarted
 */
export async function create(run: NewRun, { key, starts }: { key: string; starts: boolean }): Promise<RunOwner> {
  const params = { header: { 'Idempotency-Key': key } };
  if (run.kind === 'job') {
    const { id } = await bodyOf(client.POST('/api/v1/jobs/', { params, body: run.body }));
    return { kind: run.kind, id };
  }
  const { id } = await bodyOf(client.POST('/api/v1/projects/', { params, body: run.body }));
  const owner = { kind: run.kind, id };
  if (starts)
    await startProject(id, `${key}-start`, run.start).catch((error: Error) => {
      throw new NotStarted(owner, error);
    });
  return owner;
}

/** Trains a project from step 0. @throws ApiRefusal when its model is not there, or it trains already */
export async function startProject(id: number, key: string, body: Schemas['StartAfresh'] = {}): Promise<void> {
  const params = { path: { id }, header: { 'Idempotency-Key': key } };
  await bodyOf(client.POST('/api/v1/projects/{id}/start', { params, body }));
}
