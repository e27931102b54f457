import type { z } from 'zod';
import { findRuns } from '../../models/runs/all-runs.ts';
import { OPEN_STATUSES, RUN_STATUSES, type RunStatus } from '../../models/runs/statuses.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf, sortOf } from '../http/list-query.ts';
import { AllRunsQuery, AllRunsSchema } from './all-runs-schema.ts';
import { presentListedRun } from './present.ts';

/** The runs of all jobs and projects in one list. */
export function addAllRuns(endpoints: Endpoints): void {
  endpoints.add({
    method: 'get',
    path: '/runs/',
    role: 'viewer',
    summary: 'List the runs of all jobs and projects, newest first',
    tag: 'Runs',
    query: AllRunsQuery,
    success: { status: 200, description: 'A page of runs', schema: AllRunsSchema },
    handle: async ({ query }) => {
      const { runs, total } = await findRuns({
        statuses: statusesOf(query.status),
        kind: query.kind,
        trainingType: query.training_type,
        name: query.name,
        search: query.search,
        ids: query.ids,
        createdAfter: query.created_after,
        createdBefore: query.created_before,
        completedAfter: query.completed_after,
        sort: sortOf(query.sort),
        ...limitsOf(query),
      });
      return pageOf(runs.map(presentListedRun), total, query);
    },
  });
}

function statusesOf(asked: z.output<typeof AllRunsQuery>['status']): readonly RunStatus[] | undefined {
  if (asked === undefined) return undefined;
  if (asked === 'open') return OPEN_STATUSES;
  return asked === 'ended' ? RUN_STATUSES.filter((status) => !OPEN_STATUSES.includes(status)) : [asked];
}
