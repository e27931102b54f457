import type { Transaction } from 'sequelize';
import { tellOfPause } from '../notifications/tell-of-run.ts';
import { connection, Run } from './run.ts';
import { RunEvent } from './run-event.ts';
import { isFinal, type RunPhase } from './statuses.ts';
import { type TransitionRequest, transition } from './transition.ts';

/** The phase of a queued run: paused ones are queued too, and no worker takes them. */
function queuedPhase(run: Pick<Run, 'pause_reason'>): RunPhase {
  return run.pause_reason === null ? 'waiting_for_worker' : 'paused';
}

/** Puts a run into the queue, in the phase that fits. @returns null when its status, or its claim, does not allow that. */
export async function enqueue(request: Omit<TransitionRequest, 'to' | 'phase' | 'transaction'>): Promise<Run | null> {
  return await connection().transaction(async (transaction) => {
    // Locked, so that a pause which comes at the same time finds the phase, or is found here.
    const run = await lockRun(request.runId, transaction);
    return await transition({ ...request, to: 'queued', phase: queuedPhase(run), transaction });
  });
}

async function lockRun(runId: number, transaction: Transaction): Promise<Run> {
  return await Run.findByPk(runId, { transaction, lock: transaction.LOCK.UPDATE, rejectOnEmpty: true });
}

/**
 * Says that the run is to hold no worker, and why; or, with null, that it goes on. A worker that trains it hears so at its
 * next renewal. Doing it again changes nothing.
 * @param from only where the row says one of these; left out: whatever it says
 * @param isTold false of what its sweep does all the time, of which receivers are not told
 * @returns what the row says then; null when the run has ended
 */
export async function setPauseReason(
  runId: number,
  reason: string | null,
  from?: (string | null)[],
  isTold = true,
): Promise<Pick<Run, 'pause_reason'> | null> {
  return await connection().transaction(async (transaction) => {
    const run = await lockRun(runId, transaction);
    if (isFinal(run.status)) return null;
    if (from?.includes(run.pause_reason) ?? true) await write(run, reason, isTold, transaction);
    return run;
  });
}

/**
 * The same of a run that only waits in the line, and so has no workflow to write it.
 * @param from as above: where the row says something else, it stays
 * @returns false when it has one, or has ended
 */
export async function setPauseReasonInLine(
  runId: number,
  reason: string | null,
  from?: (string | null)[],
  isTold = true,
): Promise<boolean> {
  return await connection().transaction(async (transaction) => {
    const run = await lockRun(runId, transaction);
    if (run.status !== 'pending' || run.admitted_at !== null) return false;
    if (from?.includes(run.pause_reason) ?? true) await write(run, reason, isTold, transaction);
    return true;
  });
}

async function write(run: Run, reason: string | null, isTold: boolean, transaction: Transaction): Promise<void> {
  if (run.pause_reason === reason) return;
  const phase = phaseWith(run, reason);
  await run.update({ pause_reason: reason, phase }, { transaction });
  const data = reason === null ? { phase } : { phase, reason };
  await RunEvent.create({ run_id: run.id, kind: reason === null ? 'resume' : 'pause', data }, { transaction });
  if (reason !== null && isTold) await tellOfPause(run, reason, transaction);
}

function phaseWith({ status, phase, admitted_at }: Run, reason: string | null): RunPhase {
  if (status === 'queued') return queuedPhase({ pause_reason: reason });
  if (status === 'pending' && admitted_at === null) return reason === null ? 'waiting' : 'paused';
  return phase;
}
