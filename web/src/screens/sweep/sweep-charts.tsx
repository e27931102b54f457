import { useState } from 'react';
import type { Sweep } from '../../api/types.ts';
import { LossChart } from './loss-chart.tsx';
import { TrainLossChart } from './train-loss-chart.tsx';

/** The losses of the runs of a sweep over each other, learnt and held out; at each rung some of them end. */
export function SweepCharts({ sweep }: { sweep: Sweep }) {
  const [range, onRange] = useState<[number, number] | null>(null);
  const marks = (sweep.early_stop?.rungs ?? []).map((step) => ({ x: step, label: `Rung at step ${step}` }));
  const charted = { sweep, marks, range, onRange };
  return (
    <>
      <TrainLossChart {...charted} />
      <LossChart {...charted} />
    </>
  );
}
