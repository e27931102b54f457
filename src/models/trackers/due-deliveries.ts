import { QueryTypes } from 'sequelize';
import { connection } from '../runs/run.ts';
import { OPEN_STATUSES } from '../runs/statuses.ts';
import { TrackerDelivery } from './tracker-delivery.ts';
import type { Tracker } from './trackers.ts';

/** What is written once, when the run has ended, and not while it trains. */
export const WRITTEN_AT_THE_END: Tracker[] = ['wandb'];

/** Those with something to deliver: of runs that have ended, and of those that are further than their tracker knows. The oldest first. */
export async function dueDeliveries(): Promise<TrackerDelivery[]> {
  return await connection().query(
    `SELECT delivery.* FROM tracker_deliveries AS delivery JOIN runs ON runs.id = delivery.run_id
     WHERE delivery.status = 'open' AND (runs.status <> ALL($open)
       OR (delivery.tracker <> ALL($atTheEnd) AND runs.current_step > delivery.step))
     ORDER BY delivery.id`,
    {
      bind: { open: OPEN_STATUSES, atTheEnd: WRITTEN_AT_THE_END },
      type: QueryTypes.SELECT,
      model: TrackerDelivery,
      mapToModel: true,
    },
  );
}

/** Notes why a delivery is tried again. @returns how often it was in vain */
export async function noteDeliveryTrouble(id: number, sentence: string): Promise<number> {
  const [row] = await connection().query<{ attempts: number }>(
    `UPDATE tracker_deliveries SET waiting_for = $sentence, waiting_attempts = waiting_attempts + 1, updated_at = now()
     WHERE id = $id RETURNING waiting_attempts AS attempts`,
    { bind: { id, sentence }, type: QueryTypes.SELECT },
  );
  return row?.attempts ?? 1;
}

/** What is written of a delivery that goes well. False: it is gone, with its run. */
export async function noteDelivered(
  id: number,
  set: Partial<Pick<TrackerDelivery, 'status' | 'step' | 'eval_seq' | 'external_id' | 'address' | 'delivered_at'>>,
): Promise<boolean> {
  const calm = { waiting_for: null, waiting_attempts: 0, next_try_at: null };
  const [written] = await TrackerDelivery.update({ ...set, ...calm }, { where: { id } });
  return written > 0;
}
