import { Table } from '@mantine/core';
import type { Report } from '../../../api/types.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { count, loss } from '../../../parts/numbers.ts';
import { UserText } from '../../../parts/user-text.tsx';
import { signedLoss } from './figures.ts';

/** Whether the model that was written is the one that was trained: the fall of its held-out loss, in training and as a file. */
export function AgainstTraining({ found: { step, traits } }: { found: NonNullable<Report['against_training']> }) {
  const heads = [
    'Trait',
    'Rows',
    'In training: base',
    step === null ? 'Last step' : `Step ${count(step)}`,
    'As files: base',
    'Tuned',
    'Above what is expected',
    'Margin',
  ];
  return (
    <DataTable
      label="The model in training, and as it was written"
      heads={heads}
      caption="Loss of the model in training, and of its files, in nats a token"
      miw={720}
      captionSide="top"
    >
      {traits.map(({ trait, rows, in_training, exported, difference, margin }) => (
        <Table.Tr key={trait}>
          <Table.Th scope="row" miw={110}>
            <UserText inline>{trait}</UserText>
          </Table.Th>
          <Table.Td>{count(rows)}</Table.Td>
          <Table.Td>{loss(in_training.base)}</Table.Td>
          <Table.Td>{loss(in_training.tuned)}</Table.Td>
          <Table.Td>{loss(exported.base)}</Table.Td>
          <Table.Td>{loss(exported.tuned)}</Table.Td>
          <Table.Td>{signedLoss(difference)}</Table.Td>
          <Table.Td>{loss(margin)}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
