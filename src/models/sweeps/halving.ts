import type { RungDecision, Winner } from './sweep.ts';
import { heldOutLoss, lossAt, type SweepRun } from './sweep-runs.ts';

/** Of numbers that are written for people. */
const DIGITS = 4;

/**
 * Successive halving (Jamieson and Talwalkar, 2016, "Non-stochastic best arm identification and hyperparameter optimization"): the
 * better half goes on, rounded up. Equal losses go by the order of the jobs; a loss that could not be measured is the worst. Runs that
 * failed or were cancelled do not count.
 */
export function decideRung(step: number, runs: SweepRun[]): RungDecision {
  const ranked = runs
    .filter(({ status }) => status !== 'failed' && status !== 'cancelled')
    .map((run) => ({ job_id: run.job_id, loss: lossAt(run, step) }))
    .sort((a, b) => orLast(a.loss) - orLast(b.loss) || a.job_id - b.job_id);
  const kept = Math.ceil(ranked.length / 2);
  const ids = ranked.map(({ job_id }) => job_id);
  return { step, losses: ranked, kept: ids.slice(0, kept), stopped: ids.slice(kept) };
}

/** Why a run was stopped at a rung, with its figures. */
export function whyStopped({ step, losses, kept }: RungDecision, jobId: number, sweepId: number): string {
  const own = losses.find(({ job_id }) => job_id === jobId)?.loss ?? null;
  const bar = losses[kept.length - 1]?.loss ?? null;
  const stopped = `Stopped at step ${step} by sweep ${sweepId}`;
  if (own === null || bar === null) return `${stopped}: its held-out loss could not be measured there.`;
  return `${stopped}: held-out loss ${inWords(own)}, and the better half had at most ${inWords(bar)}.`;
}

/** The run whose published model has the lowest held-out loss, the first of equal ones. Null: none was published. */
export function winnerOf(runs: SweepRun[]): Winner | null {
  const ranked = runs
    .flatMap((run) => {
      const loss = heldOutLoss(run);
      return run.status === 'completed' && loss !== null ? [{ run, loss }] : [];
    })
    .sort((a, b) => a.loss - b.loss || a.run.job_id - b.run.job_id);
  const [best, second] = ranked;
  if (best === undefined) return null;
  const close = ranked.slice(1).filter(({ run }) => !isToldApart(best.run, run));
  const { job_id, settings } = best.run;
  const notToldApart = close.map(({ run }) => run.job_id);
  return {
    job_id,
    settings,
    held_out_loss: best.loss,
    not_told_apart: notToldApart,
    sentence: sentenceOf(job_id, best.loss, second, notToldApart, runs.length),
  };
}

function sentenceOf(
  jobId: number,
  loss: number,
  second: { run: SweepRun; loss: number } | undefined,
  close: number[],
  count: number,
): string {
  const others =
    second === undefined
      ? 'No other run came to its end'
      : `The next is job ${second.run.job_id} with ${inWords(second.loss)}`;
  const noise =
    close.length === 0
      ? ''
      : ` The held-out rows do not tell it from ${jobsText(close)}: the intervals of their losses overlap.`;
  return `Job ${jobId} has the lowest held-out loss of ${count} runs: ${inWords(loss)}. ${others}.${noise}`;
}

function jobsText(ids: number[]): string {
  return ids.length === 1 ? `job ${ids[0]}` : `jobs ${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`;
}

/**
 * Whether the better of two runs is beyond what the held-out rows can tell: where the intervals of their losses, less that of the one
 * base, do not overlap. That asks for more than a test of the difference would, which needs each row's loss.
 */
function isToldApart(better: SweepRun, worse: SweepRun): boolean {
  const [own, other] = [boundsOf(better), boundsOf(worse)];
  return own === null || other === null || own.high < other.low;
}

/** Null in results from before there were intervals. */
function boundsOf({ validated }: SweepRun): { low: number; high: number } | null {
  const bounds = validated?.flatMap(({ loss_difference }) => loss_difference ?? []) ?? [];
  if (bounds.length === 0 || bounds.length !== validated?.length) return null;
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return { low: mean(bounds.map(({ low }) => low)), high: mean(bounds.map(({ high }) => high)) };
}

function orLast(loss: number | null): number {
  return loss ?? Number.POSITIVE_INFINITY;
}

function inWords(loss: number): string {
  return loss.toPrecision(DIGITS);
}
