import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { act, type RunAction, runsKey } from '../../api/runs.ts';
import type { RunOwner, RunStatus } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';

/** What can be done with a run, and what it does. Said before it is done. */
const ACTIONS: Record<RunAction, { label: string; does: string; isEnd?: boolean }> = {
  pause: {
    label: 'Pause',
    does: 'The trainer saves and gives its worker back. The run waits until it is resumed, and goes on from there: nothing is lost.',
  },
  resume: { label: 'Resume', does: 'The run takes its place in the line again, and goes on from its last checkpoint.' },
  cancel: {
    label: 'Cancel',
    does: 'The trainer is ended within seconds. What it saved stays: the run can be started again from its last checkpoint.',
    isEnd: true,
  },
  retry: {
    label: 'Start again',
    does: 'A new run goes on from the last checkpoint of this one, with the same data and the same settings.',
  },
  fresh: {
    label: 'Start afresh',
    does: 'A new run begins at step 0, with the datasets and the model as they are now. This run stays as it is.',
  },
};

export function Actions({ owner, status, isPaused }: { owner: RunOwner; status: RunStatus; isPaused: boolean }) {
  const [asked, setAsked] = useState<RunAction | null>(null);
  const queries = useQueryClient();
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: (action: RunAction) => act(owner, action),
    onSuccess: () => setAsked(null),
    onSettled: () => queries.invalidateQueries({ queryKey: runsKey }),
  });
  const ask = (action: RunAction) => {
    reset();
    setAsked(action);
  };
  return (
    <Allowed needs="trainer">
      <Group gap="xs">
        {possible(status, isPaused).map((action) => (
          <Button
            key={action}
            size="sm"
            variant={action === 'resume' || action === 'retry' ? 'filled' : 'default'}
            onClick={() => ask(action)}
          >
            {ACTIONS[action].label}
          </Button>
        ))}
        <Dialog
          isOpen={asked !== null}
          onClose={() => setAsked(null)}
          title={asked === null ? '' : ACTIONS[asked].label}
        >
          {asked !== null && (
            <>
              <Text>{ACTIONS[asked].does}</Text>
              <Problem error={error} />
              <Group justify="end">
                <Button variant="default" onClick={() => setAsked(null)}>
                  Leave it as it is
                </Button>
                <Button color={ACTIONS[asked].isEnd ? 'red' : 'blue'} loading={isPending} onClick={() => mutate(asked)}>
                  {ACTIONS[asked].label}
                </Button>
              </Group>
            </>
          )}
        </Dialog>
      </Group>
    </Allowed>
  );
}

function possible(status: RunStatus, isPaused: boolean): RunAction[] {
  if (status === 'failed' || status === 'cancelled') return ['retry', 'fresh'];
  if (status === 'completed') return [];
  return [isPaused ? 'resume' : 'pause', 'cancel'];
}
