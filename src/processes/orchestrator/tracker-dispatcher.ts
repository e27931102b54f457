import type { Orchestration } from '../../commands/workflows/client.ts';
import { dueDeliveries } from '../../models/trackers/due-deliveries.ts';
import { TrackerDelivery } from '../../models/trackers/tracker-delivery.ts';
import { RowDispatcher } from './row-dispatcher.ts';

/** Each run with something that one of its trackers does not have has a workflow that tells it. */
export function trackerDispatcher(orchestration: Orchestration): RowDispatcher<TrackerDelivery> {
  return new RowDispatcher({
    find: dueDeliveries,
    isUnheard: ({ external_id }) => external_id === null,
    start: (delivery) => orchestration.startTrackerDelivery(delivery),
    noteStart: ({ id }) =>
      TrackerDelivery.update(
        { workflow_started_at: new Date() },
        { where: { id, workflow_started_at: null }, silent: true },
      ),
  });
}
