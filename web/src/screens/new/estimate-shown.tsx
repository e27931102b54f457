import { Alert, List, Stack, Text } from '@mantine/core';
import type { Estimate } from '../../api/types.ts';
import { bytes, duration } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';

/** What the draft would take of memory, disk and time, and what would fit where it does not. */
export function EstimateShown({ estimate, reason }: { estimate: Estimate | null; reason: string | null }) {
  if (estimate === null)
    return (
      <Text size="sm" c="dimmed">
        <UserText>{reason ?? ''}</UserText>
      </Text>
    );
  const { memory, device, disk, time, problems, remedies } = estimate;
  const waits =
    time.queue_seconds === null || time.queue_seconds === 0
      ? ''
      : `, after ${duration(time.queue_seconds)} in the queue`;
  return (
    <Stack gap={4} data-testid="estimate">
      <Text size="sm">
        Memory: about {bytes(memory.bytes)} of {bytes(device.memory_bytes)}
        {device.count > 1 ? ` on each of ${device.count} GPUs` : ''}
      </Text>
      <Text size="sm">
        Disk: about {bytes(disk.bytes)} of {bytes(disk.free_bytes)} that are free
      </Text>
      <Text size="sm">
        Time: about {duration(time.seconds)}
        {waits}
      </Text>
      <Text size="sm" c="dimmed">
        {sureness(estimate)}
      </Text>
      {problems.length > 0 && (
        <Alert color={estimate.fits ? 'yellow' : 'red'} title={estimate.fits ? 'It may be tight' : 'It would not fit'}>
          <List size="sm">
            {[...problems, ...remedies.map(({ sentence }) => sentence)].map((sentence) => (
              <List.Item key={sentence}>
                <UserText>{sentence}</UserText>
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
    </Stack>
  );
}

function sureness({ certainty, based_on_runs, within_percent, time }: Estimate): string {
  const within = `memory within ${within_percent} %, time within ${time.within_percent} %`;
  const runs = based_on_runs === 1 ? 'an earlier run' : `${based_on_runs} earlier runs`;
  if (certainty === 'measured') return `By ${runs} like it: ${within}.`;
  if (certainty === 'similar') return `By ${runs} of similar models: ${within}.`;
  return `By the sizes of the model alone, since nothing like it has run here: ${within}.`;
}
