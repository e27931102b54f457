import { keptOf } from '../../models/sweeps/halving.ts';
import type { planTraining } from '../runs/plan-training.ts';

type Planned = Awaited<ReturnType<typeof planTraining>>;

/** How many runs come to a rung, and how many go on from it, where none fails. */
export interface RungForecast {
  step: number;
  runs: number;
  kept: number;
}

/** What a sweep takes in all. */
export interface SweepTotals {
  /** From its first step to its last one, with so many runs at a time. */
  seconds: number;
  /** Of the run that takes most. */
  memoryBytes: number;
  /** Of the checkpoints and models of all runs. */
  diskBytes: number;
  /** Whether each run fits by itself. */
  fits: boolean;
}

/** One that is left alone is not compared any more. */
export function rungsOf(runs: number, steps: number[]): RungForecast[] {
  const rungs: RungForecast[] = [];
  for (const step of steps) {
    const before = rungs.at(-1)?.kept ?? runs;
    if (before < 2) break;
    rungs.push({ step, runs: before, kept: keptOf(before) });
  }
  return rungs;
}

/**
 * By the mean run, since nobody knows which go on: between two rungs, as many as are left train those steps, so many at a time.
 * @returns null where there is no estimate of a run, or no run
 */
export function totalsOf(
  runs: { planned: Planned | null }[],
  rungs: RungForecast[],
  atATime: number,
): SweepTotals | null {
  const planned = runs.flatMap((run) => run.planned ?? []);
  const estimates = planned.flatMap(({ estimate }) => ('reason' in estimate ? [] : [estimate]));
  if (estimates.length === 0 || estimates.length < planned.length) return null;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const secondsOfRun = mean(estimates.map(({ prediction }) => prediction.time.seconds));
  const stepsOfRun = mean(estimates.map(({ steps }) => steps));
  const inTurns = (count: number, share: number) => Math.ceil(count / atATime) * secondsOfRun * share;
  const shareAt = (step: number) => Math.min(1, step / stepsOfRun);
  const before = rungs.map(({ step, runs: count }, index) =>
    inTurns(count, shareAt(step) - shareAt(rungs[index - 1]?.step ?? 0)),
  );
  const last = rungs.at(-1);
  const rest = inTurns(last?.kept ?? estimates.length, 1 - shareAt(last?.step ?? 0));
  return {
    seconds: before.reduce((sum, seconds) => sum + seconds, rest),
    memoryBytes: Math.max(...estimates.map(({ prediction }) => prediction.memory.needed)),
    diskBytes: estimates.reduce((sum, { prediction }) => sum + prediction.disk.bytes, 0),
    fits: estimates.every(({ fits }) => fits),
  };
}
