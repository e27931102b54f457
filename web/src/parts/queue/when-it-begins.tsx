import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { runsKey } from '../../api/runs.ts';
import type { QueueChange, WaitingRun } from '../../api/types.ts';
import { Dialog } from '../dialog.tsx';
import { Problem } from '../problem.tsx';
import { changeOf, draftOfWhen, problemsOfWhen } from './when.ts';
import { WhenFields } from './when-fields.tsx';

/** What a refusal begins with: names of fields. */
const PLACES = ['priority', 'not_before', 'after'] as const;

interface Asking {
  now: Pick<WaitingRun, 'priority' | 'not_before' | 'after'>;
  change: (change: QueueChange) => Promise<unknown>;
  /** What else is to be known of it. */
  children: ReactNode;
}

/** The question when something begins, behind its button; with what holds now. */
export function WhenItBegins({ name, ...asking }: Asking & { name: string }) {
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        w="fit-content"
        aria-label={`When it begins: ${name}`}
        onClick={() => setAsked(true)}
      >
        When it begins…
      </Button>
      <Dialog isOpen={isAsked} onClose={() => setAsked(false)} title={`When ${name} begins`}>
        {isAsked && <Asked {...asking} onDone={() => setAsked(false)} />}
      </Dialog>
    </>
  );
}

function Asked({ now, change, children, onDone }: Asking & { onDone: () => void }) {
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => draftOfWhen(now));
  const problems = problemsOfWhen(draft);
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: () => change(changeOf(draft)),
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
        <Text size="sm">{children}</Text>
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
