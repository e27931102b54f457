import { useQueries } from '@tanstack/react-query';
import { useMemo } from 'react';
import { curvesQuery } from '../../api/runs.ts';
import { interruptionsOf } from '../../parts/runs/interruptions.ts';
import { isOpen } from '../../parts/runs/status.tsx';
import { type AxisName, stepsWithin, withPart } from './figures.ts';
import type { DrawnRun } from './lines.ts';
import type { Compared } from './use-compared.ts';

/** Of each run: eight of them are as many points as a wide screen can show. */
const POINTS = 1_000;
const OPEN_EVERY_MS = 5_000;

/** The curves of these runs, in more detail where the viewer looks; null before they are read. What a run has not done yet comes by itself. */
export function useCurves(
  runs: Compared[],
  axis: AxisName,
  range: [number, number] | null,
): { drawn: DrawnRun[] | null; error: Error | null } {
  const whole = useQueries({
    queries: runs.map(({ owner, run }) => ({
      ...curvesQuery(owner, run.number, { fromStep: 0, toStep: undefined, points: POINTS }),
      refetchInterval: isOpen(run.status) ? OPEN_EVERY_MS : (false as const),
    })),
  });
  const parts = useQueries({
    queries: runs.map(({ owner, run }, index) => {
      const curves = whole[index]?.data;
      const steps = curves && range && stepsWithin(curves.buckets, axis, range);
      return {
        ...curvesQuery(owner, run.number, { fromStep: steps?.[0] ?? 0, toStep: steps?.[1], points: POINTS }),
        // Where no steps are left out there is no more detail.
        enabled: curves !== undefined && curves.steps_per_bucket > 1 && steps !== null && steps !== undefined,
      };
    }),
  });
  const read = [...whole, ...parts].map(({ dataUpdatedAt }) => dataUpdatedAt).join();
  const shape = runs.map(({ run, label, color }) => `${run.id} ${run.total_steps} ${label} ${color}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `read`, `shape` and the range say when anything is another
  const drawn = useMemo(() => {
    const all = runs.flatMap(({ label, color, dash, run }, index): DrawnRun[] => {
      const [curves, part] = [whole[index]?.data, parts[index]?.data];
      if (!curves) return [];
      const figures = part && range ? withPart(curves.buckets, part.buckets) : curves.buckets;
      const { evals } = curves;
      const interruptions = interruptionsOf(curves);
      return [{ label, color, dash, totalSteps: run.total_steps, figures, evals, interruptions }];
    });
    return all.length < runs.length && whole.some(({ isPending }) => isPending) ? null : all;
  }, [read, shape, range?.[0], range?.[1]]);
  return { drawn, error: whole.find(({ error }) => error)?.error ?? null };
}
