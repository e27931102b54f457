/** Over which a speed is the mean: long enough to be read, short enough to follow. */
const OVER_MS = 3_000;
const LEAST_MS = 500;

/** Tells, each time that it hears how many bytes were sent, how many went in a second lately; null while that is not known. */
export function speedometer(): (bytes: number) => number | null {
  const heard: { atMs: number; bytes: number }[] = [];
  return (bytes) => {
    const atMs = performance.now();
    heard.push({ atMs, bytes });
    while (heard.length > 2 && atMs - (heard[1]?.atMs ?? atMs) >= OVER_MS) heard.shift();
    const [first] = heard;
    if (first === undefined || atMs - first.atMs < LEAST_MS) return null;
    return (1000 * (bytes - first.bytes)) / (atMs - first.atMs);
  };
}
