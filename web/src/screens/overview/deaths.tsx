import { Stack, Table, Text, Title } from '@mantine/core';
import type { WorkerPool } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

/** Workers that ended without being asked to, and why: also those that the pool shows no more. */
export function Deaths({ deaths }: { deaths: WorkerPool['deaths'] }) {
  if (deaths.length === 0) return null;
  return (
    <Stack component="section" aria-labelledby="deaths" gap="sm">
      <Title order={2} size="h4" id="deaths">
        Workers that died
      </Title>
      <Text size="sm">What they trained went on from its last checkpoint, and others took their places.</Text>
      <DataTable
        label="Workers that died, and why"
        heads={['Worker', 'Where', 'Why', 'When']}
        miw={560}
        verticalSpacing="xs"
      >
        {deaths.map(({ worker_id, host, device, reason, at }) => (
          <Table.Tr key={worker_id}>
            <Table.Td className="no-wrap">{worker_id}</Table.Td>
            <Table.Td>
              {host}
              {device !== null && `, ${device}`}
            </Table.Td>
            <Table.Td>
              <Text size="sm" lineClamp={3} component="div">
                <UserText>{reason ?? 'Nothing is known of it.'}</UserText>
              </Text>
            </Table.Td>
            <Table.Td className="no-wrap">
              <When at={at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Stack>
  );
}
