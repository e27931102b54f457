import { Anchor, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { queueQuery } from '../../api/queue.ts';
import type { WaitingRun } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { QueueActions } from '../../parts/queue/queue-actions.tsx';
import { addressOf } from '../../parts/runs/owners.ts';
import { Screen } from '../../parts/screen.tsx';
import { Tag } from '../../parts/tag.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

const PAGE_SIZE = 20;
const COLORS = { high: 'orange', normal: 'gray', low: 'gray' } as const;

/** The runs that wait to be trained, in the order in which they begin, and what can be done about that. */
export default function Queue() {
  const { data, error } = useQuery(queueQuery(usePage(), PAGE_SIZE));
  return (
    <Screen title="Queue">
      <Problem error={error} title="The queue cannot be read" />
      {data && (
        <>
          <Text role="status">
            {data.total === 0
              ? 'No run waits to be trained.'
              : `${count(data.total)} ${data.total === 1 ? 'run waits' : 'runs wait'} to be trained, in the order in which they begin.`}
          </Text>
          {data.items.length > 0 && (
            <>
              <Allowed needs="trainer">
                <Text size="sm" c="dimmed">
                  No run that trains is interrupted for one that waits.
                </Text>
              </Allowed>
              <DataTable
                label="The line"
                heads={['Place', 'Run', 'Priority', 'Why it waits', 'Expected to begin', 'Change']}
                miw={820}
                verticalSpacing="xs"
              >
                {data.items.map((run) => (
                  <Row key={run.id} run={run} />
                ))}
              </DataTable>
            </>
          )}
          <Pages total={data.pages} />
        </>
      )}
    </Screen>
  );
}

function Row({ run }: { run: WaitingRun }) {
  const { owner } = run;
  return (
    <Table.Tr>
      <Table.Td>{run.queue_place ?? '—'}</Table.Td>
      <Table.Td miw={140} maw={240}>
        <Anchor component={Link} href={addressOf(owner, run.is_latest ? undefined : run.number)} lineClamp={2}>
          <UserText inline>{owner.name}</UserText>
        </Anchor>
        <Text size="xs" c="dimmed">
          {owner.kind} {owner.id}, run {run.number}, {run.training_type}
        </Text>
      </Table.Td>
      <Table.Td>
        <Tag color={COLORS[run.priority]}>{run.priority}</Tag>
      </Table.Td>
      <Table.Td miw={200} maw={320}>
        <Text size="sm" component="div">
          <UserText>{run.waits_because ?? ''}</UserText>
        </Text>
      </Table.Td>
      <Table.Td>
        <When at={run.expected_start_at} />
      </Table.Td>
      <Table.Td miw={200}>
        <QueueActions run={run} holds />
      </Table.Td>
    </Table.Tr>
  );
}
