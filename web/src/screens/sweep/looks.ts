import type { Sweep } from '../../api/types.ts';
import type { SweepRun } from './ranked.ts';

/** The style sheet has so many colours for runs. */
const COLORS = 8;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

export interface Look {
  color: `--line-run-${number}`;
  dash: number[];
}

/** What tells a run from the others in every chart of its sweep: by its place among them, which does not change while they train. */
export function lookOf({ runs }: Sweep, run: SweepRun): Look {
  const nth = runs.indexOf(run);
  return { color: `--line-run-${(nth % COLORS) + 1}`, dash: DASHES[Math.floor(nth / COLORS) % DASHES.length] ?? [] };
}
