import type { Transaction } from 'sequelize';
import { connection, Run } from '../../models/runs/run.ts';
import { isFinal, OPEN_STATUSES } from '../../models/runs/statuses.ts';
import { transition } from '../../models/runs/transition.ts';
import { decideRung, whyStopped } from '../../models/sweeps/halving.ts';
import { kindOf, OPEN_SWEEPS, type RungDecision, type Sweep, type SweepKind } from '../../models/sweeps/sweep.ts';
import { runsOfSweep, type SweepRun } from '../../models/sweeps/sweep-runs.ts';
import { changeSweep, lockSweep } from '../../models/sweeps/transition.ts';
import { winnerOf } from '../../models/sweeps/winner.ts';
import type { SweepJudgement, SweepRef } from '../../workflows/contract.ts';
import { isThere } from './gather-runs.ts';

/**
 * Compares the runs of a sweep that are where they are to be compared: stops the worse half and lets the others go on; or, where all
 * have ended, names the winner. All of it in one transaction, so that it may run twice: the second time there is nothing to compare.
 */
export async function judgeRuns({ sweepId }: SweepRef): Promise<SweepJudgement> {
  return await connection().transaction(async (transaction) => {
    const sweep = await lockSweep(sweepId, transaction);
    if (!sweep) return { status: 'cancelled', sentence: 'The sweep was deleted.' };
    if (OPEN_SWEEPS.includes(sweep.status)) {
      const runs = await runsOfSweep(sweep, transaction);
      if (runs.every(({ status }) => isFinal(status))) await finish(sweep, runs, transaction);
      else if (runs.every(isThere)) await stopWorse(sweep, runs, transaction);
    }
    const { status, winner, error_message, rungs } = await sweep.reload({ transaction });
    const last = rungs.at(-1);
    const halved = last
      ? `Step ${last.step}: ${last.kept.length} runs go on, ${last.stopped.length} were stopped.`
      : '';
    return { status, sentence: winner?.sentence ?? error_message ?? halved };
  });
}

async function finish(sweep: Sweep, runs: SweepRun[], transaction: Transaction): Promise<void> {
  const winner = winnerOf(kindOf(sweep), runs);
  if (winner) await changeSweep(sweep.id, 'completed', { winner }, transaction);
  else await changeSweep(sweep.id, 'failed', { error_message: whyNone(kindOf(sweep), runs) }, transaction);
}

function whyNone(kind: SweepKind, runs: SweepRun[]): string {
  const failed = runs.find(({ status, error_message }) => status === 'failed' && error_message !== null);
  const first = failed ? ` The first that failed is ${kind} ${failed.owner_id}: ${failed.error_message}` : '';
  const measured = runs.some(({ status }) => status === 'completed')
    ? 'No run of the sweep has a held-out loss: give data of which rows can be held out.'
    : 'No run of the sweep came to its end, so that none is the best.';
  return `${measured}${first} Each ${kind} can be started again by itself.`;
}

/** The rung that is next is the one after those that were decided. */
async function stopWorse(sweep: Sweep, runs: SweepRun[], transaction: Transaction): Promise<void> {
  const steps = sweep.spec.early_stop?.rungs ?? [];
  const step = steps[sweep.rungs.length];
  if (step === undefined)
    throw new Error(`Runs of sweep ${sweep.id} are held, and it has no rung ${sweep.rungs.length + 1}.`);
  const decision = decideRung(step, runs);
  await sweep.update({ rungs: [...sweep.rungs, decision] }, { transaction });
  await stop(sweep.id, decision, runs, transaction);
  // One that is left alone has nobody to be compared with.
  const next = decision.kept.length > 1 ? (steps[sweep.rungs.length] ?? null) : null;
  const kept = runs.filter(({ owner_id }) => decision.kept.includes(owner_id)).map(({ run_id }) => run_id);
  await Run.update({ hold_step: next }, { where: { id: kept, status: OPEN_STATUSES }, silent: true, transaction });
}

/** A run that has ended meanwhile keeps its end. */
async function stop(
  sweepId: number,
  decision: RungDecision,
  runs: SweepRun[],
  transaction: Transaction,
): Promise<void> {
  for (const { run_id, owner_id } of runs) {
    if (!decision.stopped.includes(owner_id)) continue;
    const error_message = whyStopped(decision, owner_id, sweepId);
    const why = { reason: 'sweep', message: error_message };
    await transition({ runId: run_id, to: 'cancelled', phase: 'finished', set: { error_message }, why, transaction });
  }
}
