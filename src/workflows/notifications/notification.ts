import { condition, proxyActivities, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { LIGHT, RETRY } from '../contract.ts';
import {
  type DeliveryEnd,
  type DeliveryRef,
  NOTIFICATION_QUEUE,
  type NotificationActivities,
  tryNowSignal,
} from './contract.ts';

const { sendNotification } = proxyActivities<NotificationActivities>({
  ...LIGHT,
  taskQueue: NOTIFICATION_QUEUE,
  retry: RETRY,
});

/** Tells one target of one thing: tries, waits ever longer, and tries again, until it is delivered or given up. Its row decides which. */
export async function notificationWorkflow({ deliveryId }: DeliveryRef): Promise<DeliveryEnd> {
  let isWoken = false;
  setHandler(tryNowSignal, () => {
    isWoken = true;
  });
  for (;;) {
    isWoken = false;
    const end = await sendNotification({ deliveryId });
    setCurrentDetails(`**${end.status}**\n\n${end.message}`);
    if (end.status !== 'pending') return end;
    await condition(() => isWoken, Math.max(end.waitMs, 1));
  }
}
