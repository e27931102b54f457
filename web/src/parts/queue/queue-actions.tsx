import { Button, Group, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { changeQueue } from '../../api/queue.ts';
import { act, runsKey } from '../../api/runs.ts';
import type { QueueChange, RunOwner, WaitingRun } from '../../api/types.ts';
import { Allowed } from '../allowed.tsx';
import { Problem } from '../problem.tsx';
import { WhenItBegins } from './when-it-begins.tsx';

type Change = { act: 'pause' | 'resume' } | { change: QueueChange };

/**
 * What can be done with a run that waits for its first worker; what is refused stands below. `holds`: also hold and release, where nothing
 * beside it does so.
 */
export function QueueActions({ run, holds = false }: { run: WaitingRun; holds?: boolean }) {
  const { kind, id } = run.owner;
  const owner: RunOwner = { kind, id };
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: (what: Change) => ('act' in what ? act(owner, what.act) : changeQueue(owner, what.change)),
    onSettled: () => queries.invalidateQueries({ queryKey: runsKey }),
  });
  const name = `${kind} ${id}`;
  const isHeld = run.pause_reason !== null;
  const button = (label: string, what: Change) => (
    <Button
      size="compact-sm"
      variant="default"
      disabled={isPending}
      aria-label={`${label}: ${name}`}
      onClick={() => mutate(what)}
    >
      {label}
    </Button>
  );
  return (
    <Allowed needs="trainer" silently>
      <Stack gap={4} align="start">
        <Group gap={4}>
          {button('To the front', { change: { front: true } })}
          {holds && button(isHeld ? 'Release' : 'Hold', { act: isHeld ? 'resume' : 'pause' })}
          <WhenItBegins name={name} now={run} change={(change) => changeQueue(owner, change)}>
            It keeps its turn among those of the same priority.
          </WhenItBegins>
        </Group>
        <Problem error={error} title="It stays as it was" />
      </Stack>
    </Allowed>
  );
}
