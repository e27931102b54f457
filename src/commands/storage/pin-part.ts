import { literal } from 'sequelize';
import { lockRun } from '../../activities/storage/run-checkpoints.ts';
import type { Export } from '../../models/exports/export.ts';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { connection, Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, notFound, UserError } from '../../platform/failure.ts';
import { bringCheckpoint } from '../../runs/bring-checkpoint.ts';
import { keepCheckpoint } from '../../runs/pinned-checkpoints.ts';
import { findExport } from '../exports/exports.ts';

/**
 * Keeps a checkpoint from its trainer and from every policy, or no longer. While the run trains, its trainer may be removing it: then the pin is
 * refused, or holds, since the service has names of its own for its files before it says so. One that is not pinned any more stays until
 * the policy of its run is due.
 * @throws NotFoundError; ConflictError where it went before
 */
export async function pinCheckpoint(env: Env, run: Run, step: number, pinned: boolean): Promise<Checkpoint> {
  const found = await Checkpoint.findOne({
    // One that is pinned comes first, then the one that others begin from.
    where: { run_id: run.id, step, ...(pinned ? {} : { pinned: true }) },
    order: [
      [literal(`state = 'complete'`), 'DESC'],
      ['lease_epoch', 'DESC'],
    ],
  });
  if (!found) {
    const unpinned = pinned
      ? null
      : await Checkpoint.findOne({ where: { run_id: run.id, step }, order: [['id', 'DESC']] });
    if (unpinned) return unpinned;
    throw notFound(`Checkpoint of run ${run.number} of step`, step);
  }
  // Before the decision, and outside of its transaction: it may copy, where the disk has no second names.
  const isHere = pinned && found.state === 'complete' && (await bringCheckpoint(env, run, found));
  const kept = isHere ? await keepCheckpoint(env, run, found) : null;
  return await connection().transaction(async (transaction) => {
    if (!(await lockRun(run.id, transaction))) throw notFound('Run', run.number);
    const now = await Checkpoint.findByPk(found.id, { transaction, lock: true });
    if (!now) throw notFound(`Checkpoint of run ${run.number} of step`, step);
    if (!pinned) {
      await now.update({ pinned: false }, { transaction });
      // What the policy left of the run is looked at again: it goes by the policy, which says so, and not by this.
      await Run.update({ tidied_at: null }, { where: { id: run.id }, silent: true, transaction });
      return now;
    }
    if (now.state !== 'complete' || kept === null) throw new ConflictError(whyGone(run, now));
    return await now.update({ pinned: true, kept_path: kept }, { transaction });
  });
}

function whyGone({ number }: Run, { step, state, removed_because }: Checkpoint): string {
  const went =
    removed_because !== null && removed_because !== undefined
      ? `was ${removed_because}`
      : state === 'quarantined'
        ? 'was put aside, since it did not verify'
        : 'was removed by its trainer, which makes room for newer ones';
  return `The checkpoint of step ${step} of run ${number} ${went}: it cannot be pinned. Pin another one of the run.`;
}

/** Keeps an export from every policy, or no longer. @throws NotFoundError; UserError where it has no files here */
export async function pinExport(run: Run, exportId: number, pinned: boolean): Promise<Export> {
  return await connection().transaction(async (transaction) => {
    if (!(await lockRun(run.id, transaction))) throw notFound('Run', run.number);
    const found = await findExport(run, exportId);
    if (found.format === 'hub')
      throw new UserError(
        `Export ${exportId} has no files here, since it is a push to a hub: no policy removes anything of it, so there is nothing to pin.`,
      );
    return await found.update({ pinned }, { transaction });
  });
}
