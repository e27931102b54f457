/** Lengths of something that each row has, over all rows. */
export interface Lengths {
  min: number;
  median: number;
  p95: number;
  max: number;
  mean: number;
}

/** Rows that are about as long as each other. */
export interface LengthBucket {
  /** The least length, and the greatest. */
  from: number;
  to: number;
  rows: number;
}

/** At most so many, and one for what is longer than nearly all. */
const MOST_BUCKETS = 30;

/**
 * How many rows are about how long: in buckets of one width, a round number, up to the length that 95 % of the rows do not
 * exceed. All that are longer share the last one: a single row of a million characters would leave no room for the others.
 * @param counts rows by their length, in which all digits but the first three may be zeros
 */
export function lengthBuckets(
  counts: Iterable<readonly [length: number, rows: number]>,
  lengths: Lengths,
): LengthBucket[] {
  const { p95, max } = lengths;
  const width = roundUp((p95 + 1) / MOST_BUCKETS);
  const regular = Math.floor(p95 / width) + 1;
  const rows = new Array<number>(regular + 1).fill(0);
  for (const [length, count] of counts) {
    const place = Math.min(regular, Math.floor(length / width));
    rows[place] = (rows[place] ?? 0) + count;
  }
  const longer = rows.pop() ?? 0;
  const buckets = rows.map((count, place) => ({ from: place * width, to: (place + 1) * width - 1, rows: count }));
  return longer === 0 ? buckets : [...buckets, { from: regular * width, to: max, rows: longer }];
}

/** To 1, 2 or 5 times a power of ten: so no bucket ends within what three digits tell. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5, 10].find((lead) => lead * power >= value) ?? 10);
}
