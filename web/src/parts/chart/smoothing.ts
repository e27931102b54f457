export type Values = (number | null)[];

/** Below so many points a smoothed line shows less than the points themselves. */
const FEWEST_POINTS = 20;
/** What lies so many half-lives back counts for nothing: a line begins anew behind such a gap. */
const GAP_HALF_LIVES = 10;

/**
 * An exponential moving average whose half-life is a distance on the x axis, and not a number of points: so it is the same however many points
 * there are, and does not change as a run goes on. A value at distance d counts 2^(-d/halfLife); the sum is divided by that of all weights, so that the
 * beginning leans to no side (as Weights & Biases' time-weighted average does). What is no number is left out. `x` ascends.
 */
export function smooth(x: number[], y: Values, halfLife: number): Values {
  if (halfLife <= 0 || y.filter((value) => value !== null).length < FEWEST_POINTS) return y;
  let sum = 0;
  let weight = 0;
  let lastX = Number.NEGATIVE_INFINITY;
  return y.map((value, index) => {
    const at = x[index];
    if (value === null || at === undefined) return null;
    const distance = (at - lastX) / halfLife;
    const kept = distance > GAP_HALF_LIVES ? 0 : 2 ** -distance;
    sum = sum * kept + value;
    weight = weight * kept + 1;
    lastX = at;
    return sum / weight;
  });
}

/** A hundredth of a run, rounded to 1, 2 or 5 times a power of ten. By its planned length, so that it stays the same while it trains. */
export function standardHalfLife(totalSteps: number): number {
  const wanted = Math.max(1, totalSteps / 100);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const lead = wanted / power;
  return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}
