import { Button, Group, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  deleteTarget,
  EVENTS,
  enableTarget,
  type NotificationTarget,
  notificationsKey,
  targetsQuery,
  testTarget,
} from '../../../api/notifications.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { UserText } from '../../../parts/user-text.tsx';

/** Who is told of what, newest first. */
export function Targets() {
  const { data, error } = useQuery(targetsQuery);
  const queries = useQueryClient();
  const onSettled = () => queries.invalidateQueries({ queryKey: notificationsKey });
  const test = useMutation({ mutationFn: testTarget, onSettled });
  const enable = useMutation({ mutationFn: enableTarget, onSettled });
  const remove = useMutation({ mutationFn: deleteTarget, onSettled });
  const tested = test.data && data?.items.find(({ id }) => id === test.data.target_id);
  return (
    <Stack gap="sm">
      <Problem error={error} title="Who is told cannot be read" />
      <Problem error={test.error ?? enable.error ?? remove.error} />
      {test.data && tested && (
        <Text role="status" component="div">
          <UserText inline>{tested.name}</UserText>:{' '}
          {test.data.status === 'delivered' ? 'the test arrived.' : 'the test did not arrive.'} {test.data.last_answer}
        </Text>
      )}
      {data?.items.length === 0 && <Text>Nobody is told of anything.</Text>}
      {data && data.items.length > 0 && (
        <DataTable
          label="Who is told, newest first"
          heads={['Name', 'Where', 'Of what', 'State', 'Actions']}
          verticalSpacing="xs"
          miw={800}
        >
          {data.items.map((target) => (
            <Row
              key={target.id}
              target={target}
              onTest={() => test.mutate(target.id)}
              isTested={test.isPending && test.variables === target.id}
              onEnable={() => enable.mutate({ id: target.id, enabled: !target.enabled })}
              onRemove={() => remove.mutate(target.id)}
            />
          ))}
        </DataTable>
      )}
    </Stack>
  );
}

interface RowProps {
  target: NotificationTarget;
  onTest: () => void;
  isTested: boolean;
  onEnable: () => void;
  onRemove: () => void;
}

function Row({ target, onTest, isTested, onEnable, onRemove }: RowProps) {
  const { name, url, address, events, runs_of, enabled, disabled_because } = target;
  const act = enabled ? 'Disable' : 'Enable';
  return (
    <Table.Tr>
      <Table.Th scope="row" maw={200}>
        <UserText inline>{name}</UserText>
      </Table.Th>
      <Table.Td maw={280}>
        <UserText inline>{url ?? address ?? ''}</UserText>
      </Table.Td>
      <Table.Td>
        {events === null ? 'Everything' : events.map((event) => EVENTS[event]).join(', ')}
        {runs_of !== null && (
          <Text size="xs" c="dimmed" component="div">
            of runs, those of <UserText inline>{runs_of}</UserText>
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {enabled ? 'enabled' : 'disabled'}
        {disabled_because !== null && (
          <Text size="xs" c="dimmed">
            {disabled_because}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          <Button
            size="xs"
            variant="default"
            loading={isTested}
            disabled={!enabled}
            aria-label={`Send a test to ${name}`}
            onClick={onTest}
          >
            Test
          </Button>
          <Button size="xs" variant="default" aria-label={`${act} ${name}`} onClick={onEnable}>
            {act}
          </Button>
          <Button size="xs" variant="default" aria-label={`Delete ${name}`} onClick={onRemove}>
            Delete
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}
