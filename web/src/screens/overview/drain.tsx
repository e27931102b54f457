import { Button, Checkbox, Group, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { drainHost, drainWorker, poolQuery } from '../../api/service.ts';
import type { Worker } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';

const OF = {
  host: {
    drain: drainHost,
    says: 'No run begins there until you undrain it, also after restarts. What is trained there goes on to its end, with its validation. The machine is free to be worked on once it is drained.',
  },
  worker: {
    drain: drainWorker,
    says: 'No run begins on it until you undrain it, also after restarts. What it trains goes on to its end, with its validation; then its process ends. Its device stays its own.',
  },
};

/** Empties a machine, or one worker, so that somebody can work on it, once it was said what that does; or ends that. */
export function DrainButton({ kind, name, drain }: { kind: keyof typeof OF; name: string; drain: Worker['drain'] }) {
  const queries = useQueryClient();
  const [isAsked, setAsked] = useState(false);
  const [isMoved, setMoved] = useState(false);
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: (how: 'finish' | 'move' | 'end') => OF[kind].drain(name, how),
    onSuccess: () => setAsked(false),
    onSettled: () => queries.invalidateQueries({ queryKey: poolQuery.queryKey }),
  });
  if (drain !== null)
    return (
      <Allowed needs="admin" silently>
        <Button
          size="compact-sm"
          variant="default"
          loading={isPending}
          aria-label={`Undrain ${name}`}
          onClick={() => mutate('end')}
        >
          Undrain
        </Button>
        <Problem error={error} />
      </Allowed>
    );
  const ask = () => {
    reset();
    setAsked(true);
  };
  return (
    <Allowed needs="admin" silently>
      <Button size="compact-sm" variant="default" aria-label={`Drain ${name}`} onClick={ask}>
        Drain…
      </Button>
      <Dialog isOpen={isAsked} onClose={() => setAsked(false)} title={`Drain ${name}`}>
        <Text>{OF[kind].says}</Text>
        <Checkbox
          label="Save what is trained there now, and let it go on elsewhere"
          description="Where there is no other worker, it waits and says so."
          checked={isMoved}
          onChange={(event) => setMoved(event.currentTarget.checked)}
        />
        <Problem error={error} />
        <Group justify="end">
          <Button variant="default" onClick={() => setAsked(false)}>
            Leave it as it is
          </Button>
          <Button loading={isPending} onClick={() => mutate(isMoved ? 'move' : 'finish')}>
            Drain
          </Button>
        </Group>
      </Dialog>
    </Allowed>
  );
}
