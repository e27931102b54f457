import type { Sweep } from '../../api/types.ts';
import type { Mark } from '../../parts/chart/line.ts';

export const HEIGHT = 300;

/** What the charts of a sweep have in common: each shows the same part of the same steps. */
export interface Charted {
  sweep: Sweep;
  marks: Mark[];
  range: [number, number] | null;
  onRange: (range: [number, number] | null) => void;
}
