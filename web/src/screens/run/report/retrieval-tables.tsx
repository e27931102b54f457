import { Table } from '@mantine/core';
import type { ReportRetrieval } from '../../../api/types.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { count, percent } from '../../../parts/numbers.ts';
import { UserText } from '../../../parts/user-text.tsx';

/** How often a chunk of a question's own answer is among the first ones, by either search. */
export function FoundTable({ retrieval }: { retrieval: ReportRetrieval[] }) {
  const rows = retrieval.flatMap(({ trait, questions, hybrid, ...vector }) => [
    { trait, questions, search: 'by vectors', found: vector },
    ...(hybrid === undefined ? [] : [{ trait, questions, search: 'hybrid', found: hybrid }]),
  ]);
  return (
    <DataTable
      label="What held-out questions find"
      caption="What held-out questions find"
      captionSide="top"
      miw={640}
      heads={['Trait', 'Questions', 'Search', 'Found first', 'Among 5', 'Among 10', 'Mean of 1 / place']}
    >
      {rows.map(({ trait, questions, search, found }) => (
        <Table.Tr key={`${trait} ${search}`}>
          <Table.Th scope="row" miw={110}>
            <UserText inline>{trait}</UserText>
          </Table.Th>
          <Table.Td>{count(questions)}</Table.Td>
          <Table.Td>{search}</Table.Td>
          <Table.Td>{percent(100 * found.recall_at_1)}</Table.Td>
          <Table.Td>{percent(100 * found.recall_at_5)}</Table.Td>
          <Table.Td>{percent(100 * found.recall_at_10)}</Table.Td>
          <Table.Td>{found.mrr.toFixed(3)}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

interface Answered {
  trait: string;
  answers: NonNullable<ReportRetrieval['answers']>;
}

/** How a model answers with the index, and without it. */
export function AnsweredTable({ answered }: { answered: Answered[] }) {
  return (
    <DataTable
      label="Answers with and without the index"
      caption="Answers with and without the index"
      captionSide="top"
      miw={640}
      heads={[
        'Trait',
        'Answered',
        'To the letter, without index',
        'With index',
        'F1, without index',
        'With index',
        'Said not to be in the documents',
        'The same where the answer was taken out',
      ]}
    >
      {answered.map(({ trait, answers: of }) => (
        <Table.Tr key={trait}>
          <Table.Th scope="row" miw={110}>
            <UserText inline>{trait}</UserText>
          </Table.Th>
          <Table.Td>{count(of.questions)}</Table.Td>
          <Table.Td>{percent(100 * of.without_retrieval.exact_match)}</Table.Td>
          <Table.Td>{percent(100 * of.with_retrieval.exact_match)}</Table.Td>
          <Table.Td>{of.without_retrieval.f1.toFixed(2)}</Table.Td>
          <Table.Td>{of.with_retrieval.f1.toFixed(2)}</Table.Td>
          <Table.Td>{percent(100 * of.not_in_documents)}</Table.Td>
          <Table.Td>{percent(100 * of.not_in_documents_with_answer_removed)}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
