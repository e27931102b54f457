import { useMemo, useState } from 'react';
import type { Sweep } from '../../api/types.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { axisOf, placed } from '../../parts/chart/joined.ts';
import type { Line } from '../../parts/chart/line.ts';
import { loss } from '../../parts/numbers.ts';
import { nameOf, ranked } from './ranked.ts';

/** The style sheet has so many colours for runs. */
const COLORS = 8;
const HEIGHT = 300;

/** The held-out losses of all runs of a sweep while they train, over each other; at each rung some of them end. */
export function LossChart({ sweep }: { sweep: Sweep }) {
  const [range, setRange] = useState<[number, number] | null>(null);
  const { x, lines } = useMemo(() => drawnOf(sweep), [sweep]);
  if (x.length === 0) return null;
  const [best] = ranked(sweep);
  const last = best?.evaluations.at(-1);
  const marks = (sweep.early_stop?.rungs ?? []).map((step) => ({ x: step, label: `Rung at step ${step}` }));
  return (
    <Chart
      name="Held-out loss while they train"
      summary={best && last ? `Lowest so far: ${nameOf(best)}, with ${loss(last.loss)} at step ${last.step}.` : ''}
      height={HEIGHT}
      x={x}
      lines={lines}
      marks={marks}
      broken={[]}
      log={false}
      format={loss}
      range={range}
      onRange={setRange}
    />
  );
}

function drawnOf({ runs }: Sweep): { x: number[]; lines: Line[] } {
  const measured = runs.filter(({ evaluations }) => evaluations.length > 0);
  const placesOf = ({ evaluations }: Sweep['runs'][number]) => evaluations.map(({ step }) => step);
  const x = axisOf(...measured.map(placesOf));
  const lines = measured.map(
    (run, nth): Line => ({
      label: nameOf(run),
      color: `--line-run-${(nth % COLORS) + 1}`,
      dash: nth < COLORS ? [] : [6, 4],
      sparse: true,
      carried: true,
      values: placed(
        x,
        placesOf(run),
        run.evaluations.map((each) => each.loss),
      ),
    }),
  );
  return { x, lines };
}
