import { lockRun } from '../../activities/storage/run-checkpoints.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { notFound } from '../../platform/failure.ts';
import { whyRemoved } from './removed.ts';

/**
 * Keeps what a run has from every policy, or no longer. It waits for a removal that is being decided, and what is decided after it keeps to
 * it.
 * @returns by which rule checkpoints of it went before; null: none did
 */
export async function pinRun({ id, number }: Run, pinned: boolean): Promise<string | null> {
  return await connection().transaction(async (transaction) => {
    if (!(await lockRun(id, transaction))) throw notFound('Run', number);
    await Run.update({ pinned }, { where: { id }, silent: true, transaction });
    return await whyRemoved(id, undefined, transaction);
  });
}
