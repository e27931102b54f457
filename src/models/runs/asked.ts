import type { Transaction } from 'sequelize';
import { askedBy } from '../../platform/asked-by.ts';
import { RunEvent } from './run-event.ts';

/**
 * Has a run's events say who asked for something that has no event of its own, or one that the orchestrator writes, which does not
 * know who asked. Of a service without keys there is nothing to say.
 */
export async function noteAsked(
  runId: number,
  what: { to: string; [detail: string]: string | number | boolean | null },
  transaction?: Transaction,
): Promise<void> {
  if (askedBy() === null) return;
  await RunEvent.create({ run_id: runId, kind: 'asked', data: what }, transaction ? { transaction } : {});
}
