import { Op, type Transaction } from 'sequelize';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { Run } from '../../models/runs/run.ts';
import { UserError } from '../../platform/failure.ts';

/** By which rule the checkpoint of a step went, or all of a run; null where none did. */
export async function whyRemoved(
  runId: number,
  step?: number,
  transaction: Transaction | null = null,
): Promise<string | null> {
  const where = { run_id: runId, removed_because: { [Op.ne]: null }, ...(step === undefined ? {} : { step }) };
  const found = await Checkpoint.findOne({ where, attributes: ['removed_because'], transaction });
  return found?.removed_because ?? null;
}

/**
 * Asked under the lock of the run's owner, which whoever removes takes as well. A run without checkpoints of its own goes on from those
 * of the run before.
 * @throws UserError where a policy removed what the run would go on from: it would begin at step 0 without a word
 */
export async function requireNotRemoved(run: Run, transaction: Transaction): Promise<void> {
  if ((await Checkpoint.count({ where: { run_id: run.id, state: 'complete' }, transaction })) > 0) return;
  const removed = await whyRemoved(run.id, undefined, transaction);
  if (removed !== null)
    throw new UserError(
      `The checkpoints of run ${run.number} were ${removed}, so there is nothing to go on from. To train it again from the start, send {"fresh": true}.`,
    );
  const before = run.resumes_run_id === null ? null : await Run.findByPk(run.resumes_run_id, { transaction });
  if (before) await requireNotRemoved(before, transaction);
}
