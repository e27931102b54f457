import type { AxisName } from './figures.ts';

/** What of a run decides whether its figures can be held against those of others: of its rows, hashes. Null: not known (yet). */
export interface Basis {
  name: string;
  baseModel: string;
  revision: string | null;
  rowsPerStep: number | null;
  trainRows: string | null;
  heldOutRows: string | null;
  isPrepared: boolean;
}

/** The axis that is fair to all: steps where each is as many rows in all runs, and tokens otherwise. */
export function fairAxis(runs: Pick<Basis, 'rowsPerStep'>[]): AxisName {
  return differs(runs.map(({ rowsPerStep }) => rowsPerStep)) ? 'tokens' : 'step';
}

/** Why this axis, or what is unfair about it. */
export function aboutAxis(axis: AxisName, runs: Basis[]): string {
  const isUneven = fairAxis(runs) === 'tokens';
  const rows = groupsOf(runs, ({ rowsPerStep }) => (rowsPerStep === null ? null : `${rowsPerStep} rows`));
  if (axis === 'time')
    return 'Seconds of training, over all attempts: what lies between them, as a pause does, does not count.';
  if (axis === 'tokens')
    return isUneven
      ? `By trained tokens, since a step is not as many rows in all of these runs (${rows}).`
      : 'By the tokens that were trained. A step is as many rows in all of these runs, so steps would be fair as well.';
  return isUneven
    ? `By step these runs cannot be compared fairly: a step is not as many rows in all of them (${rows}). Trained tokens are fair.`
    : 'By step: each is as many rows in all of these runs.';
}

/** In what these runs cannot be compared fairly: a sentence for each reason. */
export function unfairness(runs: Basis[]): string[] {
  const sentences: string[] = [];
  if (differs(runs.map(({ baseModel }) => baseModel)))
    sentences.push(
      `They train different base models (${groupsOf(runs, ({ baseModel }) => baseModel)}). With another model comes another tokenizer, and losses are per token: compare what each run gained on its own base.`,
    );
  else if (differs(runs.map(({ revision }) => revision)))
    sentences.push(
      `They train different revisions of the same base model (${groupsOf(runs, ({ revision }) => revision?.slice(0, SHORT) ?? null)}), which begin at different losses.`,
    );
  if (differs(runs.map(({ heldOutRows }) => heldOutRows)))
    sentences.push(
      `They do not hold out the same rows (${sameOnes(runs, ({ heldOutRows }) => heldOutRows)}), so held-out losses and scores are of different questions.`,
    );
  if (differs(runs.map(({ trainRows }) => trainRows)))
    sentences.push(
      `They do not train on the same rows (${sameOnes(runs, ({ trainRows }) => trainRows)}), so train losses are of different texts.`,
    );
  const unknown = runs.filter(({ isPrepared }) => !isPrepared).map(({ name }) => name);
  if (unknown.length > 0)
    sentences.push(`Whether all have the same rows is not known: no data has been prepared for ${unknown.join(', ')}.`);
  return sentences;
}

const SHORT = 8;

function differs(values: (string | number | null)[]): boolean {
  return new Set(values.filter((value) => value !== null)).size > 1;
}

/** Each value with the runs that have it. */
function groupsOf(runs: Basis[], of: (run: Basis) => string | null): string {
  return groups(runs, of)
    .map(([value, names]) => `${names.join(', ')}: ${value}`)
    .join('; ');
}

/** The runs that have the same, where what it is says nothing. */
function sameOnes(runs: Basis[], of: (run: Basis) => string | null): string {
  const shared = groups(runs, of).filter(([, names]) => names.length > 1);
  if (shared.length === 0) return 'no two of them do';
  return `the same: ${shared.map(([, names]) => names.join(', ')).join('; ')}`;
}

function groups(runs: Basis[], of: (run: Basis) => string | null): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const run of runs) {
    const value = of(run);
    if (value !== null) found.set(value, [...(found.get(value) ?? []), run.name]);
  }
  return [...found];
}
