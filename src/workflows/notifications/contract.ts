import { defineSignal } from '@temporalio/workflow';

/** Of the orchestrator as well: whoever waits for a receiver that does not answer keeps no run waiting. */
export const NOTIFICATION_QUEUE = 'notifications';

export interface DeliveryRef {
  deliveryId: number;
}

/** How a delivery stands after it was looked at. */
export interface DeliveryEnd {
  status: 'pending' | 'delivered' | 'given_up' | 'deleted';
  /** Until the next attempt. */
  waitMs: number;
  /** A sentence for the Temporal Web UI. */
  message: string;
}

/** What runs on the queue `notifications`. */
export interface NotificationActivities {
  sendNotification(input: DeliveryRef): Promise<DeliveryEnd>;
}

/** To a delivery that waits: its row may say that it is due. */
export const tryNowSignal = defineSignal('try-now');
