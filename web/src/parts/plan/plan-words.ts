import type { MixturePlan } from '../../api/types.ts';
import { count } from '../numbers.ts';
import { shown } from '../user-text.tsx';

/** What becomes of rows that are too long, or do not fit the chat template; '' where all fit. */
export function lengthsOf(tokens: NonNullable<MixturePlan['tokens']>): string {
  const { max_length, truncated_rows, dropped_rows, skipped_rows, refused_rows } = tokens;
  const parts = [
    [truncated_rows, `cut off at ${count(max_length)} tokens`],
    [dropped_rows, 'left out for their length'],
    [skipped_rows, `without an answer within ${count(max_length)} tokens`],
    [refused_rows, 'not shown by the chat template'],
  ] as const;
  const words = parts.filter(([rows]) => rows > 0).map(([rows, what]) => `${count(rows)} ${what}`);
  return words.length === 0 ? '' : ` Of the rows ${words.join(', ')}.`;
}

/** What datasets have in common, and what training and held-out rows have, in sentences. */
export function inCommon({ similar_rows: found }: MixturePlan, names: Map<number, string>): string[] {
  if (found === null) return ['Rows in common were not looked for: similar_rows is off.'];
  const nameOf = (id: number) => shown(names.get(id) ?? `dataset ${id}`);
  const leftOut = found.left_out
    .filter(({ rows }) => rows > 0)
    .map(
      ({ dataset_id, rows }) => `${rowsOf(rows)} of ${nameOf(dataset_id)} are left out: an earlier dataset has them.`,
    );
  if (found.chosen === null)
    return [...leftOut, 'There are too many rows to look for those in common now: the run looks.'];
  const { between, held_out } = found.chosen;
  return [
    ...leftOut,
    ...between
      .filter(({ same, similar }) => same + similar > 0)
      .map(
        ({ dataset_id, other_dataset_id, same, similar }) =>
          `${nameOf(dataset_id)} and ${nameOf(other_dataset_id)} have ${rowsOf(same)} in common, and ${count(similar)} that are nearly so.`,
      ),
    ...(held_out.similar > 0
      ? [`${rowsOf(held_out.similar)} that are held out resemble rows that are trained on.`]
      : []),
    ...(held_out.replaced > 0
      ? [`${rowsOf(held_out.replaced)} that were to be held out resembled others, and were replaced.`]
      : []),
  ];
}

function rowsOf(rows: number): string {
  return rows === 1 ? '1 row' : `${count(rows)} rows`;
}
