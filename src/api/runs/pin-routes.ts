import { findRun } from '../../commands/runs/owners.ts';
import { pinRun } from '../../commands/storage/pin-run.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { PinRequest, PinSchema } from '../storage/schema.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { RunQuery } from './schema.ts';

/** Nothing of a pinned run is removed by a policy. */
export function addRunPin(endpoints: Endpoints, { kind, path, common, errors }: RunsOfKind): void {
  endpoints.add({
    ...common,
    method: 'post',
    path: `${path}/pin`,
    role: 'trainer',
    summary: 'Keep what a run has, its checkpoints and exports, from every policy, or no longer',
    query: RunQuery,
    body: PinRequest,
    success: { status: 200, description: 'Whether it is pinned now', schema: PinSchema },
    errors,
    handle: async ({ params: { id }, query, body: { pinned } }) => {
      const run = await findRun({ kind, id }, query.run);
      return { run_number: run.number, pinned, removed_before: await pinRun(run, pinned) };
    },
  });
}
