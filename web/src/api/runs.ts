import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { paths } from '../../../generated/api';
import { bodyOf, client } from './client.ts';
import type { Job, Project, RunOwner } from './types.ts';

const OPEN_EVERY_MS = 2_000;
const LIST_EVERY_MS = 5_000;
/** Each zoom is curves of its own, of a megabyte. */
const KEEP_CURVES_MS = 30_000;

export type RunSearch = NonNullable<paths['/api/v1/runs/']['get']['parameters']['query']>;

/** Everything that is read of runs begins with this, so that one call makes all of it be read again. */
export const runsKey = ['runs'] as const;

/** A page of the runs of all jobs and projects. */
export function runListQuery(search: RunSearch) {
  return queryOptions({
    queryKey: [...runsKey, 'list', search],
    queryFn: () => bodyOf(client.GET('/api/v1/runs/', { params: { query: search } })),
    refetchInterval: search.status === 'open' ? OPEN_EVERY_MS : LIST_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

export function ownerKey({ kind, id }: RunOwner) {
  return [...runsKey, kind, id] as const;
}

/** A job or a project. */
export function ownerQuery(owner: RunOwner) {
  const { kind, id } = owner;
  const params = { path: { id } };
  return queryOptions({
    queryKey: ownerKey(owner),
    queryFn: async (): Promise<Job | Project> =>
      kind === 'job'
        ? await bodyOf(client.GET('/api/v1/jobs/{id}', { params }))
        : await bodyOf(client.GET('/api/v1/projects/{id}', { params })),
  });
}

/** The runs of a job or project, newest first: the last hundred of them. */
export function runsOfQuery(owner: RunOwner) {
  const params = { path: { id: owner.id }, query: { page_size: 100 } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'runs'],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/runs', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/runs', { params })),
  });
}

export interface CurveRange {
  fromStep: number;
  toStep: number | undefined;
  points: number;
}

/** The curves of a run. They are large, and never the same again while it trains: nothing compares them. */
export function curvesQuery(owner: RunOwner, run: number, { fromStep, toStep, points }: CurveRange) {
  const query = { run, from_step: fromStep, points, ...(toStep === undefined ? {} : { to_step: toStep }) };
  const params = { path: { id: owner.id }, query };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'curves', run, fromStep, toStep ?? null, points],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/curves', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/curves', { params })),
    structuralSharing: false,
    gcTime: KEEP_CURVES_MS,
  });
}

/** Figures of so many steps at most, evenly; also what the device said of itself. */
export function metricsQuery(owner: RunOwner, run: number, points: number) {
  const params = { path: { id: owner.id }, query: { run, points } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'metrics', run, points],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/metrics', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/metrics', { params })),
  });
}

export function checkpointsQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'checkpoints', run],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/checkpoints', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/checkpoints', { params })),
  });
}

/** Which rows a run trains on and holds out: their number and hash, and the first of them. @throws ApiRefusal 404 before they are prepared */
export function mixtureQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run, rows: 1 } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'mixture', run],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/mixture', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/mixture', { params })),
  });
}

/** Some of the rows that a run holds out. They never change. @throws ApiRefusal 404 before they are prepared */
export function heldOutQuery(owner: RunOwner, run: number, offset: number, rows: number) {
  const params = { path: { id: owner.id }, query: { run, part: 'held_out' as const, offset, rows } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'held-out', run, offset, rows],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/mixture', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/mixture', { params })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export type LogTask = 'train' | 'validate';

/** The last lines that a run's trainer wrote. @throws ApiRefusal 404 while there are none */
export function logQuery(owner: RunOwner, run: number, task: LogTask, tail: number) {
  const params = { path: { id: owner.id }, query: { run, task, tail } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'log', run, task, tail],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/logs', { params, parseAs: 'text' }))
        : bodyOf(client.GET('/api/v1/projects/{id}/logs', { params, parseAs: 'text' })),
  });
}

export function reportQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'report', run],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/report', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/report', { params })),
  });
}

export type RunAction = 'pause' | 'resume' | 'cancel' | 'retry' | 'fresh';

/** @throws ApiRefusal when the run is in no state for it */
export function act(owner: RunOwner, action: RunAction): Promise<unknown> {
  const params = { path: { id: owner.id } };
  if (action === 'retry' || action === 'fresh') {
    const body = { fresh: action === 'fresh' };
    return owner.kind === 'job'
      ? bodyOf(client.POST('/api/v1/jobs/{id}/start', { params, body }))
      : bodyOf(client.POST('/api/v1/projects/{id}/retry', { params, body }));
  }
  return owner.kind === 'job'
    ? bodyOf(client.POST(`/api/v1/jobs/{id}/${action}`, { params }))
    : bodyOf(client.POST(`/api/v1/projects/{id}/${action}`, { params }));
}

/** Where a file of a run is downloaded from. */
export function runFile(
  { kind, id }: RunOwner,
  run: number,
  name: 'download' | 'curves.png' | 'report.md' | 'report' | 'logs',
) {
  return `/api/v1/${kind}s/${id}/${name}?run=${run}`;
}
