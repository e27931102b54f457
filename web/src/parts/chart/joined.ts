/** Values of one line: null is a gap, undefined a place at which nothing was measured. */
export type Placed = (number | null | undefined)[];

/** One ascending axis with the places of all of these, each once. */
export function axisOf(...places: number[][]): number[] {
  return [...new Set(places.flat())].sort((a, b) => a - b);
}

/** The values that were measured at `places`, on an axis that has these and others. Of two at the same place the later one counts. */
export function placed(axis: number[], places: number[], values: (number | null)[]): Placed {
  const indices = new Map(axis.map((place, index) => [place, index]));
  const all: Placed = new Array(axis.length).fill(undefined);
  places.forEach((place, nth) => {
    const index = indices.get(place);
    if (index !== undefined) all[index] = values[nth] ?? null;
  });
  return all;
}

/** What a line has at a place, or had last before it; null before its first value, behind its last, and in a gap. */
export function lastKnown(values: Placed, index: number): number | null {
  const isOver = values.findLastIndex((value) => value !== undefined) < index;
  if (isOver) return null;
  for (let before = index; before >= 0; before -= 1) {
    const value = values[before];
    if (value !== undefined) return value;
  }
  return null;
}

/** The last value of a line; null where it has none. */
export function lastOf(values: Placed): number | null {
  return values.findLast((value) => typeof value === 'number') ?? null;
}
