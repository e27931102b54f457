/** Whether a worker takes no run, since it or its host is being drained, as SQL. @param worker the alias of its row */
export function isDrained(worker: string): string {
  return `(${drainOf(worker)} IS NOT NULL)`;
}

/** How it is drained, as SQL: `move` where it or its host is to be emptied at once. */
export function drainOf(worker: string): string {
  return `greatest(${worker}.drain, (SELECT drained.drain FROM hosts AS drained WHERE drained.name = ${worker}.host))`;
}
