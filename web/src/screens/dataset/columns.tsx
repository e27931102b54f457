import { Table } from '@mantine/core';
import type { DatasetProfile } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { count } from '../../parts/numbers.ts';
import { shown } from '../../parts/user-text.tsx';
import { Share } from './bar.tsx';

/** What each column holds: how often nothing, how many different values, and how long they are. */
export function Columns({ columns, rows }: { columns: DatasetProfile['columns']; rows: number }) {
  return (
    <DataTable
      label="What each column holds"
      heads={[
        'Column',
        'Empty',
        'Different values, about',
        'Characters: half have at most',
        '95 % at most',
        'All at most',
      ]}
      miw={640}
      verticalSpacing={4}
    >
      {columns.map(({ name, empty, distinct, characters }) => (
        <Table.Tr key={name}>
          <Table.Th scope="row">{shown(name)}</Table.Th>
          <Table.Td>
            {count(empty)}
            <Share value={empty} of={rows} />
          </Table.Td>
          <Table.Td>
            {count(distinct)}
            <Share value={distinct} of={rows} />
          </Table.Td>
          <Table.Td>{count(characters.median)}</Table.Td>
          <Table.Td>{count(characters.p95)}</Table.Td>
          <Table.Td>{count(characters.max)}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
