import { changeQueue as change, type QueueChange } from '../../models/runs/queue-change.ts';
import { connection } from '../../models/runs/run.ts';
import { WrongStateError } from './actions.ts';
import { findRun, nameOf, type RunOwner } from './owners.ts';
import { changeBeforeStart } from './queue-before-start.ts';
import { requireAfter } from './require-after.ts';

/**
 * Changes when the latest run of a job or project begins, while it waits; or of a project that was never started, its first.
 * @throws WrongStateError when it has begun; UserError for what it cannot come after
 */
export async function changeQueue(owner: RunOwner, asked: QueueChange): Promise<void> {
  if (owner.kind === 'project' && (await changeBeforeStart(owner.id, asked))) return;
  const run = await findRun(owner, undefined);
  await connection().transaction(async (transaction) => {
    await requireAfter(asked, owner, transaction);
    if (await change(run.id, asked, transaction)) return;
    await run.reload({ transaction });
    throw new WrongStateError(
      `${nameOf(owner.kind)} ${owner.id}`,
      run.status,
      'does not wait for its first worker: when it begins can be changed only while it does',
    );
  });
}
