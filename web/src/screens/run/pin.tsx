import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { runsKey } from '../../api/runs.ts';
import { type Pinnable, pin, storageKey } from '../../api/storage.ts';
import type { RunOwner } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Problem } from '../../parts/problem.tsx';

interface OfRun {
  owner: RunOwner;
  run: number;
}

/** Keeps something from being removed, or no longer. `of`: what, for whoever does not see where the button stands. */
export function PinButton({
  owner,
  run,
  of,
  isPinned,
  what = {},
}: OfRun & { of: string; isPinned: boolean; what?: Pinnable }) {
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => pin(owner, run, what, !isPinned),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: runsKey });
      await queries.invalidateQueries({ queryKey: storageKey });
    },
  });
  return (
    <Allowed needs="trainer" silently>
      <Button
        size="compact-xs"
        variant="default"
        // One that is disabled would lose the focus.
        aria-disabled={isPending}
        aria-label={`${isPinned ? 'Unpin' : 'Pin'} ${of}`}
        onClick={() => !isPending && mutate()}
      >
        {isPinned ? 'Unpin' : 'Pin'}
      </Button>
      <Problem error={error} />
    </Allowed>
  );
}

/** Whether policies keep off a run, and what that means. */
export function RunPin({ owner, run, isPinned }: OfRun & { isPinned: boolean }) {
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed">
        {isPinned
          ? 'Pinned: no policy removes its checkpoints or exports.'
          : 'Not pinned: its checkpoints and exports go when their policies say so.'}
      </Text>
      <PinButton owner={owner} run={run} of={`run ${run}`} isPinned={isPinned} />
    </Group>
  );
}
