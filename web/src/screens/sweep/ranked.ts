import type { Sweep } from '../../api/types.ts';

export type SweepRun = Sweep['runs'][number];

/** The runs of a sweep, the best first: those that came furthest, and of these the one with the lowest held-out loss. */
export function ranked({ runs }: Pick<Sweep, 'runs'>): SweepRun[] {
  return [...runs].sort((a, b) => rungsOf(b) - rungsOf(a) || lossOf(a) - lossOf(b) || a.job_id - b.job_id);
}

/** How many losses are known of it at which it was compared. */
function rungsOf({ rung_losses, held_out_loss }: SweepRun): number {
  return [...rung_losses, held_out_loss].filter((loss) => loss !== null).length;
}

function lossOf({ rung_losses, held_out_loss }: SweepRun): number {
  return held_out_loss ?? rung_losses.findLast((loss) => loss !== null) ?? Number.MAX_VALUE;
}

/** What a run has that the others have otherwise, as it is written. */
export function valueText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
