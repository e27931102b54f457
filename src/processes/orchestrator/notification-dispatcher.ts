import type { Orchestration } from '../../commands/workflows/client.ts';
import { dueDeliveries } from '../../models/notifications/delivery-transitions.ts';
import { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import { RowDispatcher } from './row-dispatcher.ts';

const MOST_AT_ONCE = 100;

/** Each delivery that is to be tried now has a workflow, which is awake. One that waits for its next attempt is not looked at. */
export function notificationDispatcher(orchestration: Orchestration): RowDispatcher<NotificationDelivery> {
  return new RowDispatcher({
    find: () => dueDeliveries(MOST_AT_ONCE),
    isUnheard: ({ attempts }) => attempts === 0,
    start: (delivery) => orchestration.startNotification(delivery),
    noteStart: ({ id }) =>
      NotificationDelivery.update(
        { workflow_started_at: new Date() },
        { where: { id, workflow_started_at: null }, silent: true },
      ),
  });
}
