import type { RungDecision } from './sweep.ts';
import { lossAt, type SweepRun } from './sweep-runs.ts';

/** Of numbers that are written for people. */
const DIGITS = 4;

/**
 * Successive halving (Jamieson and Talwalkar, 2016, "Non-stochastic best arm identification and hyperparameter optimization"): the
 * better half goes on, rounded up. Equal losses go by the order of the runs; a loss that could not be measured is the worst. Runs that
 * failed or were cancelled do not count.
 */
export function decideRung(step: number, runs: SweepRun[]): RungDecision {
  const ranked = runs
    .filter(({ status }) => status !== 'failed' && status !== 'cancelled')
    .map((run) => ({ owner_id: run.owner_id, loss: lossAt(run, step) }))
    .sort((a, b) => orLast(a.loss) - orLast(b.loss) || a.owner_id - b.owner_id);
  const kept = keptOf(ranked.length);
  const ids = ranked.map(({ owner_id }) => owner_id);
  return { step, losses: ranked, kept: ids.slice(0, kept), stopped: ids.slice(kept) };
}

/** How many of so many runs go on from a rung. */
export function keptOf(runs: number): number {
  return Math.ceil(runs / 2);
}

/** Why a run was stopped at a rung, with its figures. */
export function whyStopped({ step, losses, kept }: RungDecision, ownerId: number, sweepId: number): string {
  const own = losses.find(({ owner_id }) => owner_id === ownerId)?.loss ?? null;
  const bar = losses[kept.length - 1]?.loss ?? null;
  const stopped = `Stopped at step ${step} by sweep ${sweepId}`;
  if (own === null || bar === null) return `${stopped}: its held-out loss could not be measured there.`;
  return `${stopped}: held-out loss ${inWords(own)}, and the better half had at most ${inWords(bar)}.`;
}

function orLast(loss: number | null): number {
  return loss ?? Number.POSITIVE_INFINITY;
}

export function inWords(loss: number): string {
  return loss.toPrecision(DIGITS);
}
