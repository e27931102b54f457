import { connection } from '../runs/run.ts';
import { isFinal } from '../runs/statuses.ts';
import { transition } from '../runs/transition.ts';
import { Sweep } from './sweep.ts';
import { runsOfSweep } from './sweep-runs.ts';
import { changeSweep } from './transition.ts';

/**
 * Cancels a sweep and each of its runs that has not ended. One that is being published is left to its end.
 * @returns false where the sweep had ended
 */
export async function endSweep(id: number): Promise<boolean> {
  return await connection().transaction(async (transaction) => {
    if (!(await changeSweep(id, 'cancelled', {}, transaction))) return false;
    const error_message = `Sweep ${id}, which it is a run of, was cancelled.`;
    const sweep = await Sweep.findByPk(id, { transaction, rejectOnEmpty: true });
    for (const { run_id, status } of await runsOfSweep(sweep, transaction)) {
      if (isFinal(status)) continue;
      const why = { reason: 'sweep', message: error_message };
      const end = { runId: run_id, to: 'cancelled', phase: 'finished' } as const;
      await transition({ ...end, unlessIn: ['publishing'], set: { error_message }, why, transaction });
    }
    return true;
  });
}
