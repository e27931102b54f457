import { Anchor, Checkbox, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { ListedRun } from '../../api/types.ts';
import { Scrolled } from '../scrolled.tsx';
import { Tag } from '../tag.tsx';
import { shown, UserText } from '../user-text.tsx';
import { isAfter, When } from '../when.tsx';
import { type ChosenRun, writtenAs } from './chosen.ts';
import { addressOf } from './owners.ts';
import { StatusBadge, whyOf } from './status.tsx';

interface RunChoice {
  chosen: ChosenRun[];
  choose: (runs: ChosenRun[]) => void;
}

/** Runs as a table: which, and why it is as it is. With `choice`: each can be chosen for a comparison. `newSince`: those whose `time` is later are new. */
export function RunRows({
  runs,
  time,
  caption,
  choice,
  newSince = null,
}: {
  runs: ListedRun[];
  time: 'created_at' | 'completed_at';
  caption: string;
  choice?: RunChoice;
  newSince?: Date | null;
}) {
  return (
    <Scrolled label={caption}>
      <Table verticalSpacing="xs" miw={560}>
        <Table.Thead>
          <Table.Tr>
            {choice && <Table.Th scope="col">Compare</Table.Th>}
            <Table.Th scope="col">Run</Table.Th>
            <Table.Th scope="col">Status</Table.Th>
            <Table.Th scope="col">Why</Table.Th>
            <Table.Th scope="col">{time === 'created_at' ? 'Asked for' : 'Ended'}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => (
            <Table.Tr key={run.id}>
              {choice && (
                <Table.Td>
                  <Choice run={run} {...choice} />
                </Table.Td>
              )}
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
                {isAfter(run[time], newSince) && (
                  <>
                    {' '}
                    <Tag color="blue">new</Tag>
                  </>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}

function Choice({ run, chosen, choose }: { run: ListedRun } & RunChoice) {
  const { owner, number, is_latest } = run;
  const own: ChosenRun = { kind: owner.kind, id: owner.id, number: is_latest ? null : number };
  const others = chosen.filter((each) => writtenAs(each) !== writtenAs(own));
  const isChosen = others.length < chosen.length;
  return (
    <Checkbox
      aria-label={`Compare ${shown(owner.name)}, ${owner.kind} ${owner.id}, run ${number}`}
      checked={isChosen}
      onChange={() => choose(isChosen ? others : [...chosen, own])}
    />
  );
}
