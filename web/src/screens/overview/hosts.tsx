import { Group, Table, Text } from '@mantine/core';
import type { WorkerPool } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Tag } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';
import { DrainButton } from './drain.tsx';

type Host = WorkerPool['hosts'][number];

/** The machines, also those without workers: what each can train on, and for how many workers it has room. */
export function Hosts({ pool: { hosts, workers } }: { pool: WorkerPool }) {
  if (hosts.length === 0)
    return (
      <Text>No machine has reported: start the agent of one with npm run mtm -- host, or all with npm start.</Text>
    );
  return (
    <DataTable
      label="Machines"
      heads={['Machine', 'Status', 'Devices', 'Room', 'Free on disk', 'Last heard of', 'For work on it']}
      miw={680}
      verticalSpacing="xs"
    >
      {hosts.map((host) => (
        <Table.Tr key={host.name}>
          <Table.Th scope="row">{host.name}</Table.Th>
          <Table.Td>
            <Tag color={host.status === 'up' ? 'teal' : 'red'}>{host.status}</Tag>
            {host.drain && (
              <>
                {' '}
                <Tag color="yellow">{host.drain.state}</Tag>
              </>
            )}
          </Table.Td>
          <Table.Td>
            <Group gap={4}>
              {host.devices.map((device) => (
                <Text key={device} size="sm" w="100%">
                  {device}: {usersOf(host, device, workers)}
                </Text>
              ))}
            </Group>
          </Table.Td>
          <Table.Td miw={180}>{roomOf(host)}</Table.Td>
          <Table.Td>
            {host.disks.map(({ path, free_bytes, is_short }) => (
              <Group key={path} gap={4} wrap="nowrap" title={path}>
                {bytes(free_bytes)}
                {is_short && <Tag color="red">short</Tag>}
              </Group>
            ))}
          </Table.Td>
          <Table.Td className="no-wrap">
            <When at={host.last_report} />
          </Table.Td>
          <Table.Td>
            <DrainButton kind="host" name={host.name} drain={host.drain} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

/** The workers whose processes have it now: a pid says that there is one. */
function usersOf(host: Host, device: string, workers: WorkerPool['workers']): string {
  const ids = workers
    .filter((worker) => worker.host === host.name && worker.device === device && worker.pid !== null)
    .map(({ id }) => id);
  return ids.length === 0 ? 'free' : ids.join(', ');
}

function roomOf({ status, free_slots, drain }: Host): string {
  if (drain !== null) return 'none while it is drained';
  if (status === 'away') return 'none while it is away';
  if (free_slots === null) return 'as many workers as are wanted share its CPU';
  if (free_slots === 0) return 'no device is free';
  return `${count(free_slots)} more ${free_slots === 1 ? 'worker' : 'workers'}`;
}
