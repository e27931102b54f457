import type { RunOwner } from '../../commands/runs/owners.ts';
import { IdParams } from '../http/shared-schema.ts';

/** What the endpoints for the runs of jobs, or of projects, have in common. */
export function runsOfKind(kind: RunOwner['kind']) {
  const errors: Record<number, string> = { 404: `No such ${kind}, or no such run of it` };
  // A job has a run from its creation on.
  if (kind === 'project') errors[400] = 'The project has not been started';
  return {
    kind,
    path: `/${kind}s/{id}` as const,
    common: { method: 'get', tag: 'Runs', params: IdParams } as const,
    errors,
  };
}
export type RunsOfKind = ReturnType<typeof runsOfKind>;
