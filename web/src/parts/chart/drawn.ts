const NAME = 'chart drawn';

/**
 * Tells the browser for how many milliseconds a chart was drawn: its performance tools show it, and `npm run bench -- page` reads it. The
 * browser would keep all of them, and a run may be watched for days: it keeps the last.
 */
export function tellDrawn(chart: string, fromMs: number): void {
  performance.clearMeasures(NAME);
  performance.measure(NAME, { start: fromMs, detail: chart });
}
