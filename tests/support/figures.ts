/** The middle one (of an even number, the upper of the two in the middle); null of none. */
export function median(values: number[]): number | null {
  return percentile(values, 0.5);
}

/** The smallest value that is not below this share of all; null of none. */
export function percentile(values: number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? null;
}
