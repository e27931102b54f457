/** The one order of the runs that wait: who begins, who gets a worker, and what is shown go by it. */

/** In their order; in the database they are 1, 2 and 3. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];
export const NORMAL = 2;

export function priorityNumber(priority: Priority): number {
  return PRIORITIES.indexOf(priority) + 1;
}

export function priorityName(priority: number): Priority {
  return PRIORITIES[priority - 1] ?? 'normal';
}

/**
 * Sorts runs, as SQL: those that had a worker go back to one first. The others go by priority; within one by turns, of which those that
 * share them (`turn_of`) have one in each round; within a round by age. Rows compare by it as well: `(…) < (…)`.
 */
export function orderOf(run: string): string {
  return `(${run}.lease_epoch = 0), ${run}.priority, ${run}.turn, ${run}.id`;
}

/** Runs that wait to be trained, and those of them that are in the line: not paused, and past what they were to wait for. */
export const WAITS = `status IN ('pending', 'queued') AND result IS NULL`;
export const IN_LINE = `${WAITS} AND pause_reason IS NULL AND NOT barred`;

/**
 * The turn of a run that joins the line, as SQL: in the round after the one that is under way. That goes only up, so a round
 * has an end, and nobody who came earlier waits behind more than one run of each who came later.
 * @param priority SQL of it
 */
export function nextTurn(priority: string): string {
  return `(SELECT coalesce(max(last.turn), 0) + 1 FROM runs AS last WHERE last.priority = ${priority} AND last.admitted_at IS NOT NULL)`;
}

/** The same of a run that shares its turns: after those that it shares them with and that have not begun. */
export function nextTurnOf(turnOf: string, priority: string): string {
  return `greatest(${nextTurn(priority)}, (SELECT max(other.turn) + 1 FROM runs AS other
    WHERE other.turn_of = ${turnOf} AND other.priority = ${priority} AND other.status IN ('pending', 'queued') AND other.admitted_at IS NULL))`;
}
