import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { changeQueue } from '../../api/queue.ts';
import { act, runsKey } from '../../api/runs.ts';
import type { QueueChange, RunOwner, WaitingRun } from '../../api/types.ts';
import { Allowed } from '../allowed.tsx';
import { Dialog } from '../dialog.tsx';
import { Problem } from '../problem.tsx';
import { changeOf, draftOfWhen, problemsOfWhen } from './when.ts';
import { WhenFields } from './when-fields.tsx';

type Change = { act: 'pause' | 'resume' } | { change: QueueChange };

/** What a refusal begins with: names of fields. */
const PLACES = ['priority', 'not_before', 'after'] as const;

/**
 * What can be done with a run that waits for its first worker; what is refused stands below. `holds`: also hold and release, where nothing
 * beside it does so.
 */
export function QueueActions({ run, holds = false }: { run: WaitingRun; holds?: boolean }) {
  const { kind, id } = run.owner;
  const owner: RunOwner = { kind, id };
  const queries = useQueryClient();
  const [isAsked, setAsked] = useState(false);
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
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`When it begins: ${name}`}
            onClick={() => setAsked(true)}
          >
            When it begins…
          </Button>
        </Group>
        <Problem error={error} title="It stays as it was" />
        <Dialog isOpen={isAsked} onClose={() => setAsked(false)} title={`When ${name} begins`}>
          {isAsked && <Asked run={run} owner={owner} onDone={() => setAsked(false)} />}
        </Dialog>
      </Stack>
    </Allowed>
  );
}

/** The question, with what holds now. */
function Asked({ run, owner, onDone }: { run: WaitingRun; owner: RunOwner; onDone: () => void }) {
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => draftOfWhen(run));
  const problems = problemsOfWhen(draft);
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: () => changeQueue(owner, changeOf(draft)),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: runsKey }),
  });
  const refusedAt = PLACES.find((place) => error?.message.startsWith(place));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (problems.length === 0) mutate();
      }}
    >
      <Stack>
        <WhenFields
          draft={draft}
          onChange={(next) => {
            setDraft(next);
            reset();
          }}
          at={(place) =>
            problems.find((problem) => problem.place === place)?.sentence ??
            (refusedAt === place ? error?.message : undefined)
          }
        />
        {refusedAt === undefined && <Problem error={error} title="It stays as it was" />}
        <Text size="sm">It keeps its turn among those of the same priority.</Text>
        <Group justify="end">
          <Button variant="default" onClick={onDone}>
            Leave it as it is
          </Button>
          <Button type="submit" loading={isPending} disabled={problems.length > 0}>
            Change it
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
