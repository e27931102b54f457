import { useQueries } from '@tanstack/react-query';
import { useMemo } from 'react';
import { curvesQuery } from '../../api/runs.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { lastOf } from '../../parts/chart/joined.ts';
import type { Line } from '../../parts/chart/line.ts';
import { count, loss } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { MOST_COMPARED } from '../../parts/runs/chosen.ts';
import { isOpen } from '../../parts/runs/status.tsx';
import { useReadingAtEnds } from '../../parts/runs/use-reading-at-ends.ts';
import { type Charted, HEIGHT } from './charted.ts';
import { lookOf } from './looks.ts';
import { nameOf, ownerOf, ranked } from './ranked.ts';
import { type ReadRun, trainLosses } from './train-losses.ts';

/** Of each run: eight of them are as many points as a chart of this size can show. */
const POINTS = 300;
const OPEN_EVERY_MS = 5_000;
/** What a job or project does in its sweep is its first run. */
const RUN = 1;

/** The train losses of the best runs, over each other; of all where they are few. */
export function TrainLossChart({ sweep, ...charted }: Charted) {
  const best = ranked(sweep).slice(0, MOST_COMPARED);
  const read = useQueries({
    queries: best.map((run) => ({
      ...curvesQuery(ownerOf(run), RUN, { fromStep: 0, toStep: undefined, points: POINTS }),
      refetchInterval: isOpen(run.status) ? OPEN_EVERY_MS : (false as const),
    })),
  });
  useReadingAtEnds(best.map((run) => ({ id: nameOf(run), status: run.status })));
  const readAt = read.map(({ dataUpdatedAt }) => dataUpdatedAt).join();
  const shape = best.map(nameOf).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `readAt` and `shape` say when anything is another
  const { x, lines, broken } = useMemo(() => {
    const runs = best.flatMap((run, nth): ReadRun[] => {
      const curves = read[nth]?.data;
      if (curves === undefined || curves.buckets.step.length === 0) return [];
      const { total_steps: totalSteps } = run;
      return [{ ...lookOf(sweep, run), label: nameOf(run), totalSteps, buckets: curves.buckets }];
    });
    return trainLosses(runs);
  }, [readAt, shape]);
  const error = read.find((each) => each.error)?.error ?? null;
  const which = best.length < sweep.runs.length ? `The best ${best.length} of ${count(sweep.runs.length)} runs. ` : '';
  return (
    <>
      <Problem error={error} title="Train losses cannot be read" />
      {x.length > 0 && (
        <Chart
          {...charted}
          name="Train loss"
          summary={`${which}${lowestOf(lines)}`}
          height={HEIGHT}
          x={x}
          lines={lines}
          broken={broken}
          log={false}
          format={loss}
        />
      )}
    </>
  );
}

function lowestOf(lines: Line[]): string {
  const ends = lines.flatMap(({ label, values, faint }) => {
    const value = lastOf(values);
    return faint || value === null ? [] : [{ label, value }];
  });
  const [first] = ends.sort((a, b) => a.value - b.value);
  return first === undefined ? '' : `Lowest so far: ${first.label}, with ${loss(first.value)}.`;
}
