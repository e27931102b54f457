import type { Curves } from '../../api/types.ts';
import { axisOf, placed } from '../../parts/chart/joined.ts';
import type { Line } from '../../parts/chart/line.ts';
import { smoothedLines } from '../../parts/chart/smoothed-lines.ts';
import { standardHalfLife, type Values } from '../../parts/chart/smoothing.ts';
import type { Look } from './looks.ts';

/** A run of which curves were read. */
export interface ReadRun extends Look {
  label: string;
  totalSteps: number | null;
  buckets: Curves['buckets'];
}

/** Train losses over steps, smoothed in front of what they were. `broken`: steps with a loss that is no number. */
export function trainLosses(runs: ReadRun[]): { x: number[]; lines: Line[]; broken: number[] } {
  const lengths = runs.map(({ buckets, totalSteps }) => Math.max(totalSteps ?? 0, buckets.step.at(-1) ?? 0));
  // As the shortest needs it: a short one smoothed as a long one would be a flat line.
  const halfLife = standardHalfLife(lengths.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY));
  const series = runs.flatMap(({ label, color, dash, buckets: { step, loss, loss_min: low, loss_max: high } }) =>
    smoothedLines({ label, color, dash }, step, { values: loss, band: { low, high } }, halfLife),
  );
  const x = axisOf(...runs.map(({ buckets }) => buckets.step));
  const lines = series.map((each): Line => {
    const { places, values, ...line } = each;
    const at = (numbers: Values) => placed(x, places, numbers);
    const band =
      'band' in each ? { band: { low: at(each.band.low) as Values, high: at(each.band.high) as Values } } : {};
    return { ...line, carried: true, values: at(values), ...band };
  });
  const broken = runs.flatMap(({ buckets: { step, without_loss } }) =>
    step.filter((_, index) => (without_loss[index] ?? 0) > 0),
  );
  return { x, lines, broken };
}
