/** What tells a run from others in every chart: its colour, and its dash for those who do not see colours. */
export interface Look {
  color: `--line-run-${number}`;
  dash: number[];
}

const DASHES = [[], [10, 4], [2, 3], [10, 4, 2, 4], [5, 3], [18, 5], [5, 3, 2, 3], [18, 4, 2, 4, 2, 4]];

/**
 * A look for each run, by its id. A run has its own one, wherever it stands and with whichever others, unless an older one among them has the same: then
 * it gets the next that is free. For as many runs as there are looks.
 */
export function looksOf(runIds: number[]): Map<number, Look> {
  const taken = new Map<number, number>();
  for (const id of [...new Set(runIds)].sort((a, b) => a - b)) {
    const places = DASHES.map((_, nth) => (id + nth) % DASHES.length);
    taken.set(places.find((place) => !taken.has(place)) ?? 0, id);
  }
  return new Map(
    [...taken].map(([place, id]) => [id, { color: `--line-run-${place + 1}`, dash: DASHES[place] ?? [] }]),
  );
}
