import { literal, Op, type Transaction } from 'sequelize';
import { giveUpAt } from './delivery-transitions.ts';
import type { News, NotificationEvent } from './events.ts';
import { NotificationDelivery } from './notification-delivery.ts';
import { NotificationTarget } from './notification-target.ts';

interface Told {
  event: NotificationEvent;
  /** What is told of it; asked for only where somebody wants to hear it. */
  news: () => Promise<News> | News;
}

/**
 * Has all targets that want to hear of an event be told: writes what is to be sent to each, in the transaction that brings the event
 * about, so that neither is there without the other. Sending is the orchestrator's. Without targets it is one small query.
 */
export async function tell({ event, news }: Told, transaction: Transaction): Promise<void> {
  const targets = await NotificationTarget.findAll({
    attributes: ['id', 'runs_of'],
    where: { enabled: true, [Op.or]: [{ events: null }, literal(`events @> '["${event}"]'::jsonb`)] },
    order: ['id'],
    // One that is deleted meanwhile would fail what is told with it.
    lock: transaction.LOCK.KEY_SHARE,
    transaction,
  });
  if (targets.length === 0) return;
  const data = await news();
  const wanted = targets.filter(({ runs_of }) => !runs_of || data.run === null || data.run.created_by === runs_of);
  const rows = wanted.map(({ id }) => ({
    target_id: id,
    event,
    run_id: data.run?.id ?? null,
    data,
    give_up_at: giveUpAt(),
  }));
  await NotificationDelivery.bulkCreate(rows, { transaction });
}
