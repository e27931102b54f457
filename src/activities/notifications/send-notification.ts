import { giveUp } from '../../models/notifications/delivery-transitions.ts';
import { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import { NotificationTarget } from '../../models/notifications/notification-target.ts';
import type { Env } from '../../platform/env.ts';
import type { DeliveryEnd, DeliveryRef } from '../../workflows/notifications/contract.ts';
import { attemptDelivery } from './attempt-delivery.ts';

const WITHIN_MS = 15_000;

/** Tries a delivery that is due. May run twice: the receiver gets the same id, and a delivery that has ended is left as it is. */
export function createSendNotification(env: Env) {
  return async function sendNotification({ deliveryId }: DeliveryRef): Promise<DeliveryEnd> {
    const delivery = await NotificationDelivery.findByPk(deliveryId);
    const target = delivery && (await NotificationTarget.findByPk(delivery.target_id));
    if (!delivery || !target) return { status: 'deleted', waitMs: 0, message: 'Its target was deleted.' };
    const { status, last_answer, next_attempt_at: next } = delivery;
    if (status !== 'pending') return { status, waitMs: 0, message: last_answer ?? '' };
    // A second start of its workflow wakes it, and that is no reason to try before its time.
    const waitMs = (next?.getTime() ?? 0) - Date.now();
    if (waitMs > 0) return { status, waitMs, message: last_answer ?? '' };
    if (!target.enabled) {
      const why = `The target is disabled${target.disabled_because === null ? '.' : `: ${target.disabled_because}`}`;
      await giveUp(delivery.id, why);
      return { status: 'given_up', waitMs: 0, message: why };
    }
    const { status: now, answer, nextAttemptAt } = await attemptDelivery(env, delivery, target, WITHIN_MS);
    return { status: now, waitMs: Math.max(0, (nextAttemptAt?.getTime() ?? 0) - Date.now()), message: answer };
  };
}
