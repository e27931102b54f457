import { QueryTypes, type Transaction } from 'sequelize';
import { isBarred } from './bars.ts';
import { nextTurn, nextTurnOf, WAITS } from './order.ts';
import { type AskedQueue, queueChoices, shownQueue } from './queue-choices.ts';
import { connection, Run } from './run.ts';
import { RunEvent } from './run-event.ts';

/** What is asked of the place of a run. `front`: before all others of its priority. */
export interface QueueChange extends AskedQueue {
  front?: boolean | undefined;
}

/**
 * Changes when a run begins that waits for its first worker, also one that is prepared or has its turn: a turn that no worker has
 * claimed is taken back by `releaseNext`, or by the claim itself. One statement under the lock of its row, so that a claim comes
 * before it or after.
 * @returns false when the run does not wait any more
 */
export async function changeQueue(runId: number, change: QueueChange, transaction: Transaction): Promise<boolean> {
  const run = await Run.findByPk(runId, { transaction, lock: transaction.LOCK.UPDATE, rejectOnEmpty: true });
  const waits = ['pending', 'queued'].includes(run.status) && run.result === null && run.lease_epoch === 0;
  if (!waits) return false;
  const before = {
    priority: run.priority,
    not_before: run.not_before?.toISOString() ?? null,
    after_job_id: run.after_job_id,
    after_project_id: run.after_project_id,
  };
  const now = queueChoices(change, before);
  const next = run.turn_of === null ? nextTurn('$priority') : nextTurnOf('$turnOf', '$priority');
  const joined = run.priority === now.priority ? 'turn' : next;
  const front = `least(${joined}, (SELECT min(other.turn) - 1 FROM runs AS other
    WHERE other.status IN ('pending', 'queued') AND other.result IS NULL AND (other.lease_epoch = 0) AND other.priority = $priority AND other.id <> $runId))`;
  await connection().query(
    `UPDATE runs SET priority = $priority, turn = ${change.front ? front : joined}, not_before = $notBefore::timestamptz,
       after_job_id = $afterJobId::int, after_project_id = $afterProjectId::int WHERE id = $runId AND ${WAITS} AND turn_of IS NOT DISTINCT FROM $turnOf`,
    {
      bind: {
        runId,
        priority: now.priority,
        turnOf: run.turn_of,
        notBefore: now.not_before,
        afterJobId: now.after_job_id,
        afterProjectId: now.after_project_id,
      },
      type: QueryTypes.UPDATE,
      transaction,
    },
  );
  await connection().query(`UPDATE runs SET barred = ${isBarred('runs')} WHERE id = $runId`, {
    bind: { runId },
    type: QueryTypes.UPDATE,
    transaction,
  });
  await run.reload({ transaction });
  const data = { ...shownQueue(run), front: change.front ?? false };
  await RunEvent.create({ run_id: runId, kind: 'queue', data }, { transaction });
  return true;
}
