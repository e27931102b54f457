import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { setPauseReasonInLine } from '../../models/runs/pause.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { OPEN_SWEEPS, Sweep } from '../../models/sweeps/sweep.ts';
import { runsOfSweep, type SweepRun } from '../../models/sweeps/sweep-runs.ts';
import {
  holdRunUpdate,
  PAUSE_AT_RUNG,
  PAUSE_FOR_TURN,
  PAUSES_OF_SWEEP,
  releaseRunUpdate,
  type SweepRef,
} from '../../workflows/contract.ts';

const LOOK_EVERY_MS = 500;

/**
 * Returns when each run of a sweep is held where it is to be compared, or has ended; or when the sweep has. Lets as many go on as may
 * at a time, in their order, and none while the sweep is paused. It goes by the rows alone, and what it does to a run changes nothing
 * the second time: may run twice.
 */
export async function gatherRuns({ sweepId }: SweepRef): Promise<void> {
  for (;;) {
    const sweep = await Sweep.findByPk(sweepId);
    if (!sweep || !OPEN_SWEEPS.includes(sweep.status)) return;
    const runs = await runsOfSweep(sweep);
    if (runs.every(isThere)) return;
    await direct(sweep, runs);
    await Context.current().sleep(LOOK_EVERY_MS);
  }
}

/** Whether a run has ended, or is held where it is to be compared with the others. */
export function isThere({ status, pause_reason, hold_step, current_step }: SweepRun): boolean {
  return isFinal(status) || (pause_reason === PAUSE_AT_RUNG && hold_step !== null && current_step >= hold_step);
}

/** A run that somebody paused holds no worker and is left alone. */
async function direct({ status, spec }: Sweep, runs: SweepRun[]): Promise<void> {
  const open = runs.filter((run) => !isThere(run));
  const going = open.filter(({ pause_reason }) => pause_reason === null);
  if (status === 'paused') {
    for (const run of going) await hold(run);
    return;
  }
  const waiting = open.filter(({ pause_reason }) => PAUSES_OF_SWEEP.includes(pause_reason));
  const free = Math.max(0, spec.max_concurrent_runs - going.length);
  for (const run of waiting.slice(0, free)) await release(run);
}

const hold = (run: SweepRun) => setPaused(run, { reason: PAUSE_FOR_TURN, from: [null], update: holdRunUpdate });
const release = (run: SweepRun) => setPaused(run, { reason: null, from: PAUSES_OF_SWEEP, update: releaseRunUpdate });

/**
 * One that only waits in the line is a row; the workflow of any other one writes it. Both only where the row says one of `from`: somebody
 * may have paused the run since it was looked at.
 */
async function setPaused(
  { run_id, workflow_id }: SweepRun,
  { reason, from, update }: { reason: string | null; from: (string | null)[]; update: typeof holdRunUpdate },
): Promise<void> {
  if (await setPauseReasonInLine(run_id, reason, from, false)) return;
  const workflow = Context.current().client.workflow.getHandle(workflow_id);
  try {
    await workflow.executeUpdate(update);
  } catch (error) {
    // It is not there yet, or the run has just ended: the next look knows more.
    if (!(error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError)) throw error;
  }
}
