export type Verdict = 'worse' | 'better' | 'same';

/** Regressions first: they decide whether a model is used. */
const ORDER: Verdict[] = ['worse', 'better', 'same'];

export function worstFirst<Compared extends { verdict: Verdict }>(traits: Compared[]): Compared[] {
  return traits.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
}

/** What the answers were right by (trainer/validation/scorers.py), for people. */
const SCORERS: Record<string, string> = {
  json_fields: 'by the fields of the JSON',
  python_parses: 'by whether it is Python',
  number: 'by the last number',
};

/** How many answers are right, by their format where they have one, else to the letter. */
export interface Score {
  by: string;
  rows: number;
  /** Percent, as `tuned`. */
  base: number;
  tuned: number;
}

/** What base and tuned did on the rows of a trait, as a report has it. */
export interface Scored {
  rows: number;
  /** Older reports asked all rows, and do not say so. */
  asked?: number | undefined;
  by_format: { scorer: string; rows: number; base: number; tuned: number } | null;
  base: { exact_match: number | null };
  tuned: { exact_match: number | null };
}

/** Null where nothing was asked. */
export function scoreOf({ asked, rows, by_format, base, tuned }: Scored): Score | null {
  if (by_format !== null) {
    const { scorer, rows: scored } = by_format;
    return { by: SCORERS[scorer] ?? scorer, rows: scored, base: 100 * by_format.base, tuned: 100 * by_format.tuned };
  }
  if (base.exact_match === null || tuned.exact_match === null) return null;
  return {
    by: 'to the letter',
    rows: asked ?? rows,
    base: 100 * base.exact_match,
    tuned: 100 * tuned.exact_match,
  };
}

interface Bounds {
  mean: number;
  low: number;
  high: number;
}

const lossDifference = new Intl.NumberFormat(undefined, {
  signDisplay: 'exceptZero',
  minimumFractionDigits: 3,
  maximumFractionDigits: 3,
});
const points = new Intl.NumberFormat(undefined, { signDisplay: 'exceptZero', maximumFractionDigits: 0 });

/** A difference with its bounds, such as `-0.538 (-0.611 to -0.469)`; a dash where there is none. */
function boundsOf(difference: Bounds | null | undefined, format: (value: number) => string): string {
  if (!difference) return '—';
  const { mean, low, high } = difference;
  return `${format(mean)} (${format(low)} to ${format(high)})`;
}

export const lossBounds = (difference: Bounds | undefined) =>
  boundsOf(difference, (value) => lossDifference.format(value));

/** In percentage points. */
export const scoreBounds = (difference: Bounds | null | undefined) =>
  boundsOf(difference, (value) => points.format(100 * value));

export const signedLoss = (value: number) => lossDifference.format(value);
