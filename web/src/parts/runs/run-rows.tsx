import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { ListedRun } from '../../api/types.ts';
import { Scrolled } from '../scrolled.tsx';
import { UserText } from '../user-text.tsx';
import { When } from '../when.tsx';
import { addressOf } from './owners.ts';
import { StatusBadge, whyOf } from './status.tsx';

/** Runs as a table: which, and why it is as it is. */
export function RunRows({
  runs,
  time,
  caption,
}: {
  runs: ListedRun[];
  time: 'created_at' | 'completed_at';
  caption: string;
}) {
  return (
    <Scrolled label={caption}>
      <Table verticalSpacing="xs" miw={560}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">Run</Table.Th>
            <Table.Th scope="col">Status</Table.Th>
            <Table.Th scope="col">Why</Table.Th>
            <Table.Th scope="col">{time === 'created_at' ? 'Asked for' : 'Ended'}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => (
            <Table.Tr key={run.id}>
              <Table.Td miw={160} maw={260}>
                <Anchor
                  component={Link}
                  href={addressOf(run.owner, run.is_latest ? undefined : run.number)}
                  lineClamp={2}
                >
                  <UserText inline>{run.owner.name}</UserText>
                </Anchor>
                <Text size="xs" c="dimmed">
                  {run.owner.kind} {run.owner.id}, run {run.number}, {run.training_type}
                </Text>
              </Table.Td>
              <Table.Td>
                <StatusBadge status={run.status} paused={run.pause_reason !== null} />
              </Table.Td>
              <Table.Td>
                <Text size="sm" lineClamp={3} component="div">
                  <UserText>{whyOf(run)}</UserText>
                </Text>
              </Table.Td>
              <Table.Td className="no-wrap">
                <When at={run[time]} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
