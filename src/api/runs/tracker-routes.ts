import { findRun } from '../../commands/runs/owners.ts';
import { TrackerDelivery } from '../../models/trackers/tracker-delivery.ts';
import type { Endpoints } from '../http/endpoint.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { RunQuery } from './schema.ts';
import { presentDelivery, TrackersOfRunSchema } from './tracker-schema.ts';

/** How far the trackers of a run have it. */
export function addRunTrackers(endpoints: Endpoints, { kind, path, common, errors }: RunsOfKind): void {
  endpoints.add({
    ...common,
    path: `${path}/trackers`,
    role: 'viewer',
    summary: 'Which trackers follow the run, its address there, and the last step that each has',
    query: RunQuery,
    success: { status: 200, description: 'Its trackers', schema: TrackersOfRunSchema },
    errors,
    handle: async ({ params: { id }, query }) => {
      const run = await findRun({ kind, id }, query.run);
      const found = await TrackerDelivery.findAll({ where: { run_id: run.id }, order: ['id'] });
      return { run_number: run.number, items: found.map(presentDelivery) };
    },
  });
}
