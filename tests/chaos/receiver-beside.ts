import { setTimeout as after } from 'node:timers/promises';
import { verified } from '../support/receiver.ts';
import { until } from '../support/service.ts';
import type { Target } from './faults.ts';
import type { ChaosWorld } from './world.ts';

/** Longer than a message waits for its next try here, and an orchestrator for the Temporal that was away. */
const TOLD_WITHIN_MS = 120_000;

export async function takeReceiverAway({ world: { receiver }, dice }: Target): Promise<void> {
  await receiver.stop();
  // What is tested is the outage: there is nothing to wait for.
  await after(1_000 * (2 + (dice % 8)));
  await receiver.start();
}

/**
 * What is wrong with what the receiver was told, once all is told: every message has arrived, under one id, with a signature,
 * and each run that completed or failed has one that says so. (Let tellOfStatus tell of no completed run, and it says so.)
 */
export async function wrongNotifications(world: ChaosWorld): Promise<string[]> {
  const pending = async () =>
    await world.query<{ id: number; last_answer: string | null }>(
      `SELECT id, last_answer FROM notification_deliveries WHERE status = 'pending'`,
      [],
    );
  await until('all to be told', async () => ((await pending()).length === 0 ? true : null), TOLD_WITHIN_MS).catch(
    () => {},
  );
  const wrong = (await pending()).map(({ id, last_answer }) => `message ${id} has not arrived: ${last_answer}`);
  const rows = await world.query<{ message_id: string; event: string; status: string; run_id: number | null }>(
    'SELECT message_id, event, status, run_id FROM notification_deliveries',
    [],
  );
  const { received } = world.receiver;
  const arrived = new Set(received.map(({ id }) => id));
  const known = new Set(rows.map(({ message_id }) => message_id));
  for (const { message_id, event, status } of rows) {
    if (status === 'given_up') wrong.push(`message ${message_id} (${event}) was given up`);
    if (status === 'delivered' && !arrived.has(message_id))
      wrong.push(`message ${message_id} (${event}) counts as delivered, and never arrived`);
  }
  for (const id of arrived) if (!known.has(id)) wrong.push(`message ${id} arrived, and no row knows it`);
  for (const message of received) {
    try {
      verified(message, world.receiverSecret);
    } catch (error) {
      wrong.push(`message ${message.id} has a wrong signature: ${error}`);
    }
  }
  const ended = await world.query<{ id: number; status: string }>(
    `SELECT id, status FROM runs WHERE status IN ('completed', 'failed')`,
    [],
  );
  for (const { id, status } of ended) {
    const told = rows.filter(({ run_id, event }) => run_id === id && event === `run.${status}`).length;
    if (told !== 1) wrong.push(`run ${id} is ${status}, and ${told} messages say so`);
  }
  return wrong;
}
