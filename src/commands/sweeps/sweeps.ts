import type { Transaction } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import { connection } from '../../models/runs/run.ts';
import { endSweep } from '../../models/sweeps/end-sweep.ts';
import { OPEN_SWEEPS, Sweep } from '../../models/sweeps/sweep.ts';
import { changeSweep, lockSweep } from '../../models/sweeps/transition.ts';
import { ConflictError, notFound } from '../../platform/failure.ts';
import { WrongStateError } from '../runs/actions.ts';

export const SWEEP_ACTIONS = ['pause', 'resume', 'cancel'] as const;
export type SweepAction = (typeof SWEEP_ACTIONS)[number];

/** @throws NotFoundError */
export async function findSweep(id: number, transaction: Transaction | null = null): Promise<Sweep> {
  const sweep = await Sweep.findByPk(id, { transaction });
  if (!sweep) throw notFound('Sweep', id);
  return sweep;
}

/**
 * The row decides; the sweep's workflow pauses its runs, or lets them go on, within a second.
 * @throws NotFoundError; UserError where it is in no state for that
 */
export async function actOnSweep(id: number, action: SweepAction): Promise<void> {
  const { status } = await findSweep(id);
  // A paused one stays paused, and one that goes on goes on, as jobs do: but what is not paused cannot be resumed.
  if (action === 'pause' && status === 'paused') return;
  if (action === 'resume' && status === 'running') throw new WrongStateError(`Sweep ${id}`, status, 'not paused');
  if (action === 'cancel' ? await endSweep(id) : await changeSweep(id, action === 'pause' ? 'paused' : 'running', {}))
    return;
  const { status: now } = await findSweep(id);
  throw new WrongStateError(`Sweep ${id}`, now, `cannot be ${DONE[action]} any more`);
}

const DONE = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' };

/**
 * Deletes a sweep that has ended. Its jobs, or projects, stay, as ones of their own.
 * @throws NotFoundError; ConflictError while it goes on
 */
export async function deleteSweep(id: number): Promise<void> {
  await connection().transaction(async (transaction) => {
    const sweep = await lockSweep(id, transaction);
    if (!sweep) throw notFound('Sweep', id);
    if (OPEN_SWEEPS.includes(sweep.status))
      throw new ConflictError(`Sweep ${id} is ${sweep.status}. Cancel it, or wait for its end, then delete.`);
    const ofSweep = { where: { sweep_id: id }, silent: true, transaction };
    await Job.update({ sweep_settings: null }, ofSweep);
    await Project.update({ sweep_settings: null }, ofSweep);
    await sweep.destroy({ transaction });
  });
}
