import { queuedPhase } from '../models/pause.ts';
import { connection, Run } from '../models/run.ts';
import { transition } from '../models/transition.ts';
import type { RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** Says that the run waits for a worker. May run twice: the second time the run is queued, or further, already. */
export async function queueRun({ runId }: RunRef): Promise<void> {
  const queued = await connection().transaction(async (transaction) => {
    const run = await Run.findByPk(runId, { transaction, lock: transaction.LOCK.UPDATE, rejectOnEmpty: true });
    return await transition({ runId, from: ['pending'], to: 'queued', phase: queuedPhase(run), transaction });
  });
  if (!queued) await openRun(runId);
}
