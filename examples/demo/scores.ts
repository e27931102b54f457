import Table from 'cli-table3';
import type { WatchedProject } from './api-client.ts';

type Validation = NonNullable<WatchedProject['validation']>;

/** The table that a run ends with: base against tuned on held-out rows, or, of an index, how questions find their answers. */
export function scores({ validation }: WatchedProject): string {
  if (!validation) return 'Nothing was validated.';
  const table = validation.retrieval ? retrievalTable(validation.retrieval) : comparisonTable(validation);
  return `${table}\n${validation.summary}`;
}

function comparisonTable({ traits }: Validation): string {
  const table = tableOf('Trait', 'Held-out rows', 'Loss, base', 'Loss, tuned', 'Exact, base', 'Exact, tuned');
  for (const { trait, rows, base, tuned } of traits) {
    const losses = [base, tuned].map(({ loss }) => loss.toFixed(3));
    const exact = [base, tuned].map(({ exact_match }) => (exact_match === null ? '' : percent(exact_match)));
    table.push([trait, rows, ...losses, ...exact]);
  }
  return table.toString();
}

function retrievalTable(traits: NonNullable<Validation['retrieval']>): string {
  const table = tableOf('Trait', 'Held-out questions', 'Recall@1', 'Recall@5', 'Recall@10', 'MRR');
  for (const { trait, questions, recall_at_1, recall_at_5, recall_at_10, mrr } of traits)
    table.push([trait, questions, ...[recall_at_1, recall_at_5, recall_at_10].map(percent), mrr.toFixed(3)]);
  return [table.toString(), ...answersTable(traits)].join('\n');
}

/** How the base model answers with the index and without; nothing where none does. */
function answersTable(traits: NonNullable<Validation['retrieval']>): string[] {
  const table = tableOf('Trait', 'Asked', 'Exact, without', 'Exact, with', 'F1, without', 'F1, with');
  for (const { trait, answers } of traits) {
    if (!answers) continue;
    const { questions, without_retrieval: without, with_retrieval: found } = answers;
    const exact = [without, found].map(({ exact_match }) => percent(exact_match));
    table.push([trait, questions, ...exact, ...[without, found].map(({ f1 }) => f1.toFixed(2))]);
  }
  return table.length > 0 ? [table.toString()] : [];
}

function tableOf(...head: string[]) {
  return new Table({ head, style: { head: [], border: [], compact: true } });
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}
