import { attemptDelivery } from '../../activities/notifications/attempt-delivery.ts';
import { tryAgain } from '../../models/notifications/delivery-transitions.ts';
import { newsOf, TEST_EVENT } from '../../models/notifications/events.ts';
import { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, NotFoundError } from '../../platform/failure.ts';
import { findTarget } from './targets.ts';

/** Less than an answer may take. */
const TEST_WITHIN_MS = 6_000;
/** Whoever is killed while it sends a test leaves it to the orchestrator. */
const LEFT_AFTER_MS = 60_000;

/** @throws NotFoundError */
export async function findDelivery(id: number): Promise<NotificationDelivery> {
  const row = await NotificationDelivery.findByPk(id);
  if (row === null) throw new NotFoundError(`Notification delivery ${id} not found.`);
  return row;
}

/**
 * Sends a test event to a target, at once and once.
 * @returns its delivery, which says what came of it
 * @throws NotFoundError, ConflictError
 */
export async function sendTest(targetId: number, env: Env): Promise<NotificationDelivery> {
  const target = await findTarget(targetId);
  requireEnabled(target);
  const now = Date.now();
  const delivery = await NotificationDelivery.create({
    target_id: target.id,
    event: TEST_EVENT,
    data: newsOf(`This is a test of the notification target ${JSON.stringify(target.name)}. Nothing has happened.`),
    give_up_at: new Date(now),
    next_attempt_at: new Date(now + LEFT_AFTER_MS),
  });
  // It has what the database made: its id as it is sent, and its time.
  await delivery.reload();
  await attemptDelivery(env, delivery, target, TEST_WITHIN_MS);
  return await findDelivery(delivery.id);
}

/** Has a delivery be tried again now, whatever came of it, with the same id. @throws NotFoundError, ConflictError */
export async function redeliver(id: number): Promise<NotificationDelivery> {
  const { target_id } = await findDelivery(id);
  requireEnabled(await findTarget(target_id));
  await tryAgain(id);
  return await findDelivery(id);
}

function requireEnabled({ id, enabled, disabled_because: why }: Awaited<ReturnType<typeof findTarget>>): void {
  if (enabled) return;
  const because = why === null ? '' : ` (${why})`;
  throw new ConflictError(`Notification target ${id} is disabled${because}. Enable it first: PATCH {"enabled": true}.`);
}
