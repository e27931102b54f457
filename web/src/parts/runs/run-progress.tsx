import { Group, Progress, Stack, Text } from '@mantine/core';
import type { ListedRun } from '../../api/types.ts';
import { about, count, duration } from '../numbers.ts';

type Shown = Pick<ListedRun, 'progress' | 'current_step' | 'total_steps' | 'seconds_left' | 'tokens_per_s' | 'status'>;

/** How far a run is, as a bar and as words. */
export function RunProgress({ run, name }: { run: Shown; name: string }) {
  const words = wordsOf(run);
  return (
    <Stack gap={4}>
      <Progress.Root size="md">
        <Progress.Section
          value={run.progress}
          color={run.status === 'failed' ? 'red' : 'blue'}
          aria-label={`Progress of ${name}`}
          aria-valuetext={words}
        />
      </Progress.Root>
      <Group gap="md">
        <Text size="sm">{words}</Text>
        {run.status === 'running' && run.tokens_per_s !== null && (
          <Text size="sm" c="dimmed">
            {about(run.tokens_per_s)} tokens/s
          </Text>
        )}
      </Group>
    </Stack>
  );
}

function wordsOf({ current_step, total_steps, seconds_left, status }: Shown): string {
  if (total_steps === null) return 'No step yet';
  // The base is measured before the first step, which takes minutes where there are many held-out rows.
  if (current_step === 0 && status === 'running') return `Before step 1 of ${count(total_steps)}`;
  const step = `Step ${count(current_step)} of ${count(total_steps)}`;
  return status === 'running' && seconds_left !== null && seconds_left > 0
    ? `${step}, about ${duration(seconds_left)} left`
    : step;
}
