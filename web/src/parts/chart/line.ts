import { lastKnown, type Placed } from './joined.ts';
import type { Values } from './smoothing.ts';

/** A line of a chart. What tells it from others is its dash too, since colour alone tells some people nothing. */
export interface Line {
  label: string;
  /** A variable of the style sheet. */
  color: `--${string}`;
  values: Placed;
  dash?: number[];
  width?: number;
  /** Drawn as what lies behind the others. */
  faint?: boolean;
  /** Few values far apart: each is a point. */
  sparse?: boolean;
  /** It was measured at other places than its neighbours: between two of them it is read as the one before. */
  carried?: boolean;
  /** Between these two lies every value that this one stands for. */
  band?: { low: Values; high: Values };
}

/** What a line is read as at a place of the axis; null where it has no value. */
export function readingAt({ values, carried }: Line, index: number): number | null {
  return carried ? lastKnown(values, index) : (values[index] ?? null);
}

/** Something that happened at a place of the axis. */
export interface Mark {
  x: number;
  label: string;
  /** A variable of the style sheet, where it is not one of all that is drawn. */
  color?: string;
}
