import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { changeQueueOfSweep, isOpenSweep, sweepsKey } from '../../api/sweeps.ts';
import type { QueueChange, Sweep } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Conditions } from '../../parts/queue/conditions.tsx';
import { WhenItBegins } from '../../parts/queue/when-it-begins.tsx';

/** When those runs of a sweep begin that wait for their first worker, and what can be done about that. */
export function SweepQueue({ sweep }: { sweep: Sweep }) {
  const { id, runs } = sweep;
  const queries = useQueryClient();
  const change = async (asked: QueueChange) => {
    await changeQueueOfSweep(id, asked);
    await queries.invalidateQueries({ queryKey: sweepsKey });
  };
  const { mutate, error, isPending } = useMutation({ mutationFn: change });
  const waiting = runs.filter(
    ({ status, current_step }) => (status === 'pending' || status === 'queued') && current_step === 0,
  );
  const [next] = waiting;
  if (next === undefined || !isOpenSweep(sweep)) return null;
  const { priority } = next;
  return (
    <Stack gap={4} component="section" aria-label="Its runs in the queue">
      <Text size="sm">
        {count(waiting.length)} {waiting.length === 1 ? 'run waits' : 'runs wait'}, with {priority} priority
        <Conditions of={next} />.
      </Text>
      <Allowed needs="trainer" silently>
        <Group gap={4}>
          <Button
            size="compact-sm"
            variant="default"
            disabled={isPending}
            aria-label={`To the front: sweep ${id}`}
            onClick={() => mutate({ front: true })}
          >
            To the front
          </Button>
          <WhenItBegins name={`sweep ${id}`} now={next} change={change}>
            It holds for all of its runs that wait. They keep their order.
          </WhenItBegins>
        </Group>
        <Problem error={error} title="They stay as they were" />
      </Allowed>
    </Stack>
  );
}
