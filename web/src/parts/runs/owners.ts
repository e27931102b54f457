import type { RunOwner } from '../../api/types.ts';

/** Where a job or project is shown; with a number, one of its runs. */
export function addressOf({ kind, id }: RunOwner, run?: number): string {
  return `/${kind}s/${id}${run === undefined ? '' : `?run=${run}`}`;
}

/** Where the models of one of its runs are tried. */
export function playgroundOf({ kind, id }: RunOwner, run: number): string {
  return `/${kind}s/${id}/try?run=${run}`;
}
