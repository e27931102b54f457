import type { SweepPlan } from '../api/types.ts';
import { bytes, duration } from '../terminal/numbers.ts';
import { facts, table } from '../terminal/table.ts';
import { settingText } from './sweep-text.ts';

type PlannedRun = SweepPlan['runs'][number];

/** A plan on a screen: what it takes in all, its rungs, and each run with what varies and what it takes, or why it is refused. */
export function sweepPlanText({ runs, rungs, totals, duplicates_dropped }: SweepPlan): string {
  const varied = Object.keys(runs[0]?.settings ?? {});
  const refusals = runs.flatMap(({ refusal }) => refusal ?? []);
  const problems = runs.flatMap(({ plan }) => [...(plan?.estimate?.problems ?? []), ...(plan?.warnings ?? [])]);
  const reason = runs.find(({ plan }) => plan?.no_estimate)?.plan?.no_estimate;
  return [
    facts([
      ['Runs', String(runs.length)],
      ['Dropped', duplicates_dropped === 0 ? null : `${duplicates_dropped} combinations that were there already`],
      ['Rungs', rungs.map(({ step, runs: count, kept }) => `step ${step}: ${count}, ${kept} go on`).join('; ') || null],
      ['Time', totals && `about ${duration(totals.seconds)} in all`],
      ['Memory', totals && `${bytes(totals.memory_bytes)} of the run that takes most`],
      ['Disk', totals && `${bytes(totals.disk_bytes)} of all runs`],
      ['No estimate', totals === null ? (reason ?? null) : null],
      ['Refused', refusals.join('\n') || null],
      ['Problems', [...new Set(problems)].join('\n') || 'none'],
    ]),
    table(
      ['Run', ...varied, 'Rows', 'Held out', 'Steps', 'Time', 'Memory', 'Fits'],
      runs.map((run, index) => [index + 1, ...varied.map((name) => settingText(run.settings[name])), ...figures(run)]),
    ),
  ].join('\n');
}

function figures({ plan }: PlannedRun): (string | number)[] {
  if (plan === null) return ['', '', '', '', '', 'refused'];
  const { train_rows, held_out_rows, steps, estimate } = plan;
  const taken =
    estimate === null
      ? ['', '', '']
      : [duration(estimate.time.seconds), bytes(estimate.memory.needed_bytes) ?? '', estimate.fits ? 'yes' : 'no'];
  return [train_rows, held_out_rows, steps.total, ...taken];
}
