import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { Dataset } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

/** Datasets as a table: which, how large, and how much of each can be trained on. */
export function DatasetRows({ datasets }: { datasets: Dataset[] }) {
  return (
    <DataTable
      label="Datasets"
      heads={['Dataset', 'Rows', 'Usable rows', 'Size', 'Uploaded']}
      verticalSpacing="xs"
      miw={600}
    >
      {datasets.map((dataset) => (
        <Table.Tr key={dataset.id}>
          <Table.Td maw={280}>
            <Anchor component={Link} href={`/datasets/${dataset.id}`} lineClamp={2}>
              <UserText inline>{dataset.name}</UserText>
            </Anchor>
            <Text size="xs" c="dimmed" truncate>
              {dataset.id}, <UserText inline>{dataset.filename}</UserText>
            </Text>
          </Table.Td>
          <Table.Td>{count(dataset.row_count)}</Table.Td>
          <Table.Td>
            <Usable dataset={dataset} />
          </Table.Td>
          <Table.Td className="no-wrap">{bytes(dataset.file_size)}</Table.Td>
          <Table.Td className="no-wrap">
            <When at={dataset.created_at} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

/** Where nothing can be trained on, the way to what mends it. */
function Usable({ dataset: { id, row_count, usable_row_count } }: { dataset: Dataset }) {
  if (usable_row_count === row_count) return <>all</>;
  if (usable_row_count > 0) return <>{count(usable_row_count)}</>;
  return (
    <>
      none:{' '}
      <Anchor component={Link} href={`/datasets/${id}?tab=mapping`} size="sm">
        say what its columns are
      </Anchor>
    </>
  );
}
