import { type Attempt, noteAttempt, waitAfterAttempts } from '../../models/notifications/delivery-transitions.ts';
import type { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import type { NotificationTarget } from '../../models/notifications/notification-target.ts';
import type { Env } from '../../platform/env.ts';
import { messageOf } from './message.ts';
import { sendEmail } from './send-email.ts';
import { sendWebhook } from './send-webhook.ts';
import type { Sent } from './sent.ts';

/**
 * Sends a delivery once, and notes what came of it. A kill between the two has it sent again, under the same id: a receiver gets it at
 * least once.
 */
export async function attemptDelivery(
  env: Env,
  delivery: NotificationDelivery,
  target: NotificationTarget,
  withinMs: number,
): Promise<Attempt> {
  const sent = await send(env, delivery, target, withinMs);
  if (sent.is === 'gone')
    await target.update({ enabled: false, disabled_because: `It answered 410 to ${delivery.message_id}.` });
  const attempt = decide(delivery, sent);
  await noteAttempt(delivery, attempt);
  return attempt;
}

async function send(
  env: Env,
  delivery: NotificationDelivery,
  { kind, address, secret }: NotificationTarget,
  withinMs: number,
): Promise<Sent> {
  const message = { id: delivery.message_id, message: messageOf(delivery, env) };
  return kind === 'webhook'
    ? await sendWebhook({ url: address, secret: secret ?? '' }, message, env, withinMs)
    : await sendEmail(address, message, env, withinMs);
}

function decide({ attempts, give_up_at }: NotificationDelivery, { is, answer, retryAfterMs = 0 }: Sent): Attempt {
  if (is === 'delivered') return { status: 'delivered', answer, nextAttemptAt: null };
  const tried = attempts + 1;
  if (is !== 'failed') return { status: 'given_up', answer, nextAttemptAt: null };
  const nextAttemptAt = new Date(Date.now() + Math.max(waitAfterAttempts(tried), retryAfterMs));
  if (nextAttemptAt < give_up_at) return { status: 'pending', answer, nextAttemptAt };
  const gaveUp = `${answer} It was tried ${tried === 1 ? 'once' : `${tried} times`}, and is not tried again by itself.`;
  return { status: 'given_up', answer: gaveUp, nextAttemptAt: null };
}
