import { numberAt, valueAt } from './value-at.ts';

/** One figure of one trait, in each run; null where a run has none. */
export interface ResultRow {
  trait: string;
  figure: string;
  kind: 'loss' | 'share';
  values: (number | null)[];
  /** The best of these, where they are not all the same. */
  best: number | null;
}

interface FigureOf {
  figure: string;
  kind: ResultRow['kind'];
  path: string[];
  /** Which end is better; null: no run is better by it. */
  better: 'less' | 'more' | null;
}

const FIGURES: FigureOf[] = [
  { figure: 'loss of the base', kind: 'loss', path: ['base', 'loss'], better: null },
  { figure: 'loss of the tuned model', kind: 'loss', path: ['tuned', 'loss'], better: 'less' },
  { figure: 'loss, tuned less base', kind: 'loss', path: ['loss_difference', 'mean'], better: 'less' },
  { figure: 'score of the base', kind: 'share', path: ['by_format', 'base'], better: null },
  { figure: 'score of the tuned model', kind: 'share', path: ['by_format', 'tuned'], better: 'more' },
  { figure: 'exact answers of the base', kind: 'share', path: ['base', 'exact_match'], better: null },
  { figure: 'exact answers of the tuned model', kind: 'share', path: ['tuned', 'exact_match'], better: 'more' },
  // Of rag.
  { figure: 'answer found first', kind: 'share', path: ['recall_at_1'], better: 'more' },
  { figure: 'answer among the first five', kind: 'share', path: ['recall_at_5'], better: 'more' },
];

/** The figures of all traits that reports have, side by side. A report of a run that has none is null. */
export function resultRows(reports: unknown[]): ResultRow[] {
  const byTrait = reports.map((report) => new Map(partsOf(report).map((part) => [traitOf(part), part])));
  const traits = [...new Set(byTrait.flatMap((report) => [...report.keys()]))];
  return traits.flatMap((trait) =>
    FIGURES.flatMap(({ figure, kind, path, better }) => {
      const values = byTrait.map((report) => numberAt(report.get(trait), ...path));
      return values.every((value) => value === null)
        ? []
        : [{ trait, figure, kind, values, best: better === null ? null : bestOf(values, better) }];
    }),
  );
}

function bestOf(values: (number | null)[], better: 'less' | 'more'): number | null {
  const known = values.filter((value) => value !== null);
  if (new Set(known).size < 2) return null;
  return known.reduce((a, b) => (better === 'less' ? Math.min(a, b) : Math.max(a, b)));
}

/** A report has a part for each trait: by what was compared, or of rag by what was found. */
function partsOf(report: unknown): unknown[] {
  return ['traits', 'retrieval'].flatMap((list) => {
    const parts = valueAt(report, list);
    return Array.isArray(parts) ? parts : [];
  });
}

function traitOf(part: unknown): string {
  return String(valueAt(part, 'trait'));
}
