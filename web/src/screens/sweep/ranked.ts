import type { RunOwner, Sweep } from '../../api/types.ts';

export type SweepRun = Sweep['runs'][number];
/** What a run is of: one of them is null. */
export type OfRun = Pick<SweepRun, 'job_id' | 'project_id'>;

/** The runs of a sweep, the best first: those that came furthest, and of these the one with the lowest held-out loss. */
export function ranked({ runs }: Pick<Sweep, 'runs'>): SweepRun[] {
  return [...runs].sort((a, b) => rungsOf(b) - rungsOf(a) || lossOf(a) - lossOf(b) || ownerOf(a).id - ownerOf(b).id);
}

/** What a run, or the winner, is of. */
export function ownerOf({ job_id, project_id }: OfRun): RunOwner {
  return job_id === null ? { kind: 'project', id: project_id ?? 0 } : { kind: 'job', id: job_id };
}

/** How many losses are known of it at which it was compared. */
function rungsOf({ rung_losses, held_out_loss }: SweepRun): number {
  return [...rung_losses, held_out_loss].filter((loss) => loss !== null).length;
}

function lossOf({ rung_losses, held_out_loss }: SweepRun): number {
  return held_out_loss ?? rung_losses.findLast((loss) => loss !== null) ?? Number.MAX_VALUE;
}

export function isSame(one: OfRun, other: OfRun): boolean {
  return one.job_id === other.job_id && one.project_id === other.project_id;
}

/** As it is named in a sentence: job 3. */
export function nameOf(run: OfRun): string {
  const { kind, id } = ownerOf(run);
  return `${kind} ${id}`;
}

/** What a run has that the others have otherwise, as it is written. */
export function valueText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
