import { Table, Text } from '@mantine/core';
import { DataTable } from '../../parts/data-table.tsx';
import { differencesOf } from '../../parts/differences.ts';
import { UserText } from '../../parts/user-text.tsx';

/** In what a draft differs from what it began with. */
export function Differences({ before, after, from }: { before: object; after: object; from: string }) {
  const differences = differencesOf(before, after);
  if (differences.length === 0) return <Text size="sm">Nothing is different from {from} yet.</Text>;
  return (
    <DataTable label={`Differences from ${from}`} heads={['Field', from, 'Now']} fz="sm">
      {differences.map(({ field, before: was, after: is }) => (
        <Table.Tr key={field}>
          <Table.Th scope="row">{field}</Table.Th>
          <Table.Td>
            <Value>{was}</Value>
          </Table.Td>
          <Table.Td>
            <Value>{is}</Value>
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

function Value({ children }: { children: string | null }) {
  return children === null ? <>not chosen</> : <UserText inline>{children}</UserText>;
}
