import { useMemo } from 'react';
import type { Sweep } from '../../api/types.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { axisOf, placed } from '../../parts/chart/joined.ts';
import type { Line } from '../../parts/chart/line.ts';
import { loss } from '../../parts/numbers.ts';
import { type Charted, HEIGHT } from './charted.ts';
import { lookOf } from './looks.ts';
import { nameOf, ranked } from './ranked.ts';

/** The held-out losses of all runs of a sweep while they train, over each other. */
export function LossChart({ sweep, ...charted }: Charted) {
  const { x, lines } = useMemo(() => drawnOf(sweep), [sweep]);
  if (x.length === 0) return null;
  const [best] = ranked(sweep);
  const last = best?.evaluations.at(-1);
  return (
    <Chart
      {...charted}
      name="Held-out loss while they train"
      summary={best && last ? `Lowest so far: ${nameOf(best)}, with ${loss(last.loss)} at step ${last.step}.` : ''}
      height={HEIGHT}
      x={x}
      lines={lines}
      broken={[]}
      log={false}
      format={loss}
    />
  );
}

function drawnOf(sweep: Sweep): { x: number[]; lines: Line[] } {
  const measured = sweep.runs.filter(({ evaluations }) => evaluations.length > 0);
  const placesOf = ({ evaluations }: Sweep['runs'][number]) => evaluations.map(({ step }) => step);
  const x = axisOf(...measured.map(placesOf));
  const lines = measured.map(
    (run): Line => ({
      label: nameOf(run),
      ...lookOf(sweep, run),
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
