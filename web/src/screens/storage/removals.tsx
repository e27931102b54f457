import { Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { removalsQuery } from '../../api/storage.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { When } from '../../parts/when.tsx';
import { OfRun } from './of-run.tsx';

/** What went, when, and by which policy. */
export function Removals() {
  const { data, error } = useQuery(removalsQuery(usePage()));
  return (
    <Stack component="section" aria-labelledby="removed" gap="xs">
      <Title order={2} size="h4" id="removed">
        What went
      </Title>
      <Problem error={error} title="It cannot be read" />
      {data?.items.length === 0 && <Text size="sm">Nothing was removed.</Text>}
      {data && data.items.length > 0 && (
        <DataTable label="What went, newest first" heads={['When', 'What', 'Size', 'Why']} miw={640}>
          {data.items.map(({ id, decided_at, name, bytes: size, why, asked_by, kept_because }) => (
            <Table.Tr key={id}>
              <Table.Td className="no-wrap">
                <When at={decided_at} />
              </Table.Td>
              <Table.Th scope="row">
                <OfRun name={name} />
              </Table.Th>
              <Table.Td className="no-wrap">{bytes(size)}</Table.Td>
              <Table.Td>
                {kept_because === null ? why : `it stays: ${kept_because}`}
                {asked_by === 'request' && ', when somebody cleaned up'}
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
      <Pages total={data?.pages ?? 1} />
    </Stack>
  );
}
