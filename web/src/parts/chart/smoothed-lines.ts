import type { Line } from './line.ts';
import { smooth, type Values } from './smoothing.ts';

type Look = Pick<Line, 'label' | 'color'> & { dash: number[] };

interface Measured {
  values: Values;
  /** Between these two lies every value that was measured. */
  band: { low: Values; high: Values };
}

/** A line that is smoothed, and faint behind it what it was; one with too few values for that as it is. `places` and `halfLife`: on the x axis. */
export function smoothedLines<Of extends Look>(of: Of, places: number[], { values, band }: Measured, halfLife: number) {
  const smoothed = smooth(places, values, halfLife);
  if (smoothed === values) return [{ ...of, places, values, band }];
  const behind = { ...of, label: `${of.label}, as it was`, dash: [], places, values, band, width: 1, faint: true };
  return [behind, { ...of, places, values: smoothed }];
}
