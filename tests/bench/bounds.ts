import Table from 'cli-table3';

/** A figure that was measured, and what it must not be above (or below). */
export interface Bounded {
  what: string;
  found: number | null;
  unit: string;
  /** None: it is only said. */
  atMost?: number;
  atLeast?: number;
}

/** Prints figures beside their bounds. The process ends with 1 when one is missed, or could not be measured. */
export function judge(figures: Bounded[]): void {
  const table = new Table({ head: ['', 'measured', 'bound', ''], style: { head: [], border: [] } });
  for (const figure of figures) {
    const { what, found, unit, atMost, atLeast } = figure;
    const bound = [
      atMost === undefined ? '' : `at most ${round(atMost)} ${unit}`,
      atLeast === undefined ? '' : `at least ${round(atLeast)} ${unit}`,
    ].filter(Boolean);
    const verdict = bound.length === 0 ? '' : isKept(figure) ? 'as wanted' : 'MISSED';
    table.push([what, found === null ? 'not measured' : `${round(found)} ${unit}`, bound.join(', '), verdict]);
    if (verdict === 'MISSED') process.exitCode = 1;
  }
  console.log(table.toString());
}

function isKept({ found, atMost, atLeast }: Bounded): boolean {
  if (found === null || !Number.isFinite(found)) return false;
  return (atMost === undefined || found <= atMost) && (atLeast === undefined || found >= atLeast);
}

/** Three digits that say something. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}
