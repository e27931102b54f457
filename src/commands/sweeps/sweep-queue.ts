import type { Transaction } from 'sequelize';
import { changeQueue, type QueueChange } from '../../models/runs/queue-change.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { kindOf, OPEN_SWEEPS } from '../../models/sweeps/sweep.ts';
import { runsOfSweep, type SweepRun } from '../../models/sweeps/sweep-runs.ts';
import { lockSweep } from '../../models/sweeps/transition.ts';
import { notFound } from '../../platform/failure.ts';
import { WrongStateError } from '../runs/actions.ts';
import { requireAfter } from '../runs/require-after.ts';

/**
 * Changes when those runs of a sweep begin that wait for their first worker, all or none: also those that the sweep has not let go on
 * yet. They keep their order among themselves.
 * @throws NotFoundError; WrongStateError where none waits any more; UserError for what one of them cannot come after
 */
export async function changeQueueOfSweep(id: number, asked: QueueChange): Promise<void> {
  await connection().transaction(async (transaction) => {
    const sweep = await lockSweep(id, transaction);
    if (!sweep) throw notFound('Sweep', id);
    if (!OPEN_SWEEPS.includes(sweep.status))
      throw new WrongStateError(`Sweep ${id}`, sweep.status, 'none of its runs waits');
    const runs = await runsOfSweep(sweep, transaction);
    for (const { owner_id } of runs) await requireAfter(asked, { kind: kindOf(sweep), id: owner_id }, transaction);
    if ((await changeEach(runs, asked, transaction)) > 0) return;
    throw new WrongStateError(
      `Sweep ${id}`,
      sweep.status,
      'has no run that waits for its first worker: when one begins can be changed only while it does',
    );
  });
}

/** @returns how many waited */
async function changeEach(runs: SweepRun[], asked: QueueChange, transaction: Transaction): Promise<number> {
  // Each before anything is changed, in the order of all that lock several.
  const where = { id: runs.map(({ run_id }) => run_id) };
  await Run.findAll({ where, attributes: ['id'], order: ['id'], lock: true, transaction });
  // Each that goes to the front goes before the last that went there.
  const inTurn = asked.front ? runs.toReversed() : runs;
  let changed = 0;
  for (const { run_id } of inTurn) if (await changeQueue(run_id, asked, transaction)) changed += 1;
  return changed;
}
