import { fn, type Transaction } from 'sequelize';
import { OPEN_SWEEPS, Sweep, type SweepStatus } from './sweep.ts';

/** From each status to those that may follow. */
const TRANSITIONS: Readonly<Record<SweepStatus, readonly SweepStatus[]>> = {
  running: ['paused', 'completed', 'failed', 'cancelled'],
  // What is under way when it is paused may be its end.
  paused: ['running', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/**
 * Compares and sets a sweep's status: the only place that writes one.
 * @returns false where it was in a status that `to` does not follow
 */
export async function changeSweep(
  id: number,
  to: SweepStatus,
  set: Partial<Pick<Sweep, 'winner' | 'error_message'>>,
  transaction: Transaction | null = null,
): Promise<boolean> {
  const from = (Object.keys(TRANSITIONS) as SweepStatus[]).filter((status) => TRANSITIONS[status].includes(to));
  const end = OPEN_SWEEPS.includes(to) ? {} : { finished_at: fn('now') };
  const [changed] = await Sweep.update({ ...set, status: to, ...end }, { where: { id, status: from }, transaction });
  return changed === 1;
}

/** A sweep that stays as it is until the end of the transaction. Null: there is none. */
export async function lockSweep(id: number, transaction: Transaction): Promise<Sweep | null> {
  return await Sweep.findByPk(id, { transaction, lock: transaction.LOCK.UPDATE });
}
