import { Anchor, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { waitingRunQuery } from '../../api/queue.ts';
import { Conditions } from '../../parts/queue/conditions.tsx';
import { QueueActions } from '../../parts/queue/queue-actions.tsx';
import { When } from '../../parts/when.tsx';

/** Of a run that waits to be trained: its place in the line, when it is expected to begin, and what can be done about that. */
export function Place({ runId }: { runId: number }) {
  const { data: run } = useQuery(waitingRunQuery(runId));
  if (!run) return null;
  const { queue_place, expected_start_at, priority } = run;
  return (
    <Stack gap={4} component="section" aria-label="Its place in the queue">
      <Group gap="xs">
        <Text size="sm">
          {queue_place === null ? 'It is not in the line now' : `Place ${queue_place} in the line`}, with {priority}{' '}
          priority
          {expected_start_at !== null && (
            <>
              ; it is expected to begin <When at={expected_start_at} />
            </>
          )}
          <Conditions of={run} />.
        </Text>
        <Anchor component={Link} href="/queue" size="sm">
          The queue
        </Anchor>
      </Group>
      <QueueActions run={run} />
    </Stack>
  );
}
