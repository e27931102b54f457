import { Table } from '@mantine/core';
import type { Sweep } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { UserText } from '../../parts/user-text.tsx';

/** What the names of the mixtures of a sweep stand for. */
export function Mixtures({ sweep: { search } }: { sweep: Sweep }) {
  const { mixtures = [] } = search;
  if (mixtures.length === 0) return null;
  return (
    <DataTable label="Mixtures" heads={['Mixture', 'Trait', 'Weight', 'Datasets']} miw={480} verticalSpacing="xs">
      {mixtures.flatMap(({ name, traits }) =>
        traits.map(({ trait_type, weight = 1, datasets }) => (
          <Table.Tr key={`${name}/${trait_type}`}>
            <Table.Th scope="row">
              <UserText inline>{name}</UserText>
            </Table.Th>
            <Table.Td>{trait_type}</Table.Td>
            <Table.Td>{weight}</Table.Td>
            <Table.Td>
              {datasets.map(({ dataset_id, percentage }) => `${percentage} % of dataset ${dataset_id}`).join(', ')}
            </Table.Td>
          </Table.Tr>
        )),
      )}
    </DataTable>
  );
}
