import type { Report } from '../api/types.ts';
import { percent } from '../terminal/numbers.ts';
import { table } from '../terminal/table.ts';

/** What is shown of a validation, of a report of the API or from elsewhere. */
type Validation = Pick<Report, 'traits' | 'retrieval' | 'summary'>;

/** The table that a run ends with: base against tuned on held-out rows, or, of an index, how questions find their answers. */
export function resultTable(validation: Validation | null): string {
  if (!validation) return 'Nothing was validated.';
  const shown = validation.retrieval ? retrievalTable(validation.retrieval) : comparisonTable(validation);
  return `${shown}\n${validation.summary}`;
}

function comparisonTable({ traits }: Validation): string {
  const head = ['Trait', 'Held-out rows', 'Loss, base', 'Loss, tuned', 'Exact, base', 'Exact, tuned'];
  const rows = traits.map(({ trait, rows: heldOut, base, tuned }) => [
    trait,
    heldOut,
    ...[base, tuned].map(({ loss }) => loss.toFixed(3)),
    ...[base, tuned].map(({ exact_match }) => (exact_match === null ? '' : percent(exact_match))),
  ]);
  return table(head, rows);
}

function retrievalTable(traits: NonNullable<Validation['retrieval']>): string {
  const head = ['Trait', 'Held-out questions', 'Recall@1', 'Recall@5', 'Recall@10', 'MRR'];
  const rows = traits.map(({ trait, questions, recall_at_1, recall_at_5, recall_at_10, mrr }) => [
    ...[trait, questions],
    ...[recall_at_1, recall_at_5, recall_at_10].map(percent),
    mrr.toFixed(3),
  ]);
  return [table(head, rows), ...answersTable(traits)].join('\n');
}

/** How the base model answers with the index and without; nothing where none does. */
function answersTable(traits: NonNullable<Validation['retrieval']>): string[] {
  const rows = traits.flatMap(({ trait, answers }) => {
    if (!answers) return [];
    const { questions, without_retrieval: without, with_retrieval: found } = answers;
    const exact = [without, found].map(({ exact_match }) => percent(exact_match));
    return [[trait, questions, ...exact, ...[without, found].map(({ f1 }) => f1.toFixed(2))]];
  });
  const head = ['Trait', 'Asked', 'Exact, without', 'Exact, with', 'F1, without', 'F1, with'];
  return rows.length > 0 ? [table(head, rows)] : [];
}
