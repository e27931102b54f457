import type { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { notificationWorkflow } from '../../workflows/index.ts';
import { NOTIFICATION_QUEUE, tryNowSignal } from '../../workflows/notifications/contract.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about notifications. */
export interface Notifications {
  /** Has a delivery be tried now: starts its workflow, or wakes the one that waits for the next attempt. */
  startNotification(delivery: NotificationDelivery): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

export function notificationsOf({ within }: Pick<Calls, 'within'>): Notifications {
  return {
    startNotification: ({ id: deliveryId, event }) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        await client.workflow.signalWithStart<typeof notificationWorkflow>('notificationWorkflow', {
          workflowId: `notification-${deliveryId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ deliveryId }],
          signal: tryNowSignal,
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `Tell of ${event}`,
          staticDetails: `Delivery ${deliveryId}: \`GET /api/v1/notification-deliveries/${deliveryId}\`. Sent from the queue \`${NOTIFICATION_QUEUE}\`.`,
        });
      }),
  };
}
