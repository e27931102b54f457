import { Alert, Anchor, Button, Checkbox, Group, List, Stack } from '@mantine/core';
import { type RefObject, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { ApiAway } from '../../api/client.ts';
import { NotStarted } from '../../api/new-runs.ts';
import { addressOf } from '../../parts/runs/owners.ts';
import { shown, UserText } from '../../parts/user-text.tsx';
import type { Draft } from './draft.ts';
import type { DraftProblem } from './problems.ts';

/** What was said to the last attempt to create: by the service, or before it was asked. */
export interface Refusal {
  error: Error | null;
  problems: DraftProblem[];
}

/** Above all else; whoever sent it is led there. */
export function RefusalShown({ refusal }: { refusal: Refusal | null }) {
  const place = useRef<HTMLDivElement>(null);
  useFocus(place, refusal);
  if (refusal === null) return null;
  const { error, problems } = refusal;
  return (
    <Alert color="red" title={titleOf(error)} ref={place} tabIndex={-1} role="group">
      {problems.length > 0 ? (
        <List size="sm">
          {problems.map(({ place, sentence }) => (
            <List.Item key={`${place} ${sentence}`}>{shown(sentence)}</List.Item>
          ))}
        </List>
      ) : (
        <Sentence error={error} />
      )}
    </Alert>
  );
}

function useFocus(place: RefObject<HTMLDivElement | null>, refusal: Refusal | null): void {
  useEffect(() => {
    if (refusal !== null) place.current?.focus();
  }, [place, refusal]);
}

function titleOf(error: Error | null): string {
  if (error instanceof NotStarted) return 'It was created, and not started';
  return error instanceof ApiAway ? 'It is not known whether it was created' : 'It was not created';
}

function Sentence({ error }: { error: Error | null }) {
  if (error instanceof ApiAway)
    return <>The service did not answer. Send it again when it does: however often it is sent, it is created once.</>;
  return (
    <Stack gap="xs">
      <UserText>{error?.message ?? ''}</UserText>
      {error instanceof NotStarted && (
        <Anchor component={Link} href={addressOf(error.owner)} c="inherit">
          Go to project {error.owner.id}, which can be started when that is mended
        </Anchor>
      )}
    </Stack>
  );
}

/** What is done with a draft in the end. */
export function Send({
  draft,
  change,
  isSending,
  onSend,
}: {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  isSending: boolean;
  onSend: () => void;
}) {
  const starts = draft.kind === 'job' || draft.startsNow;
  return (
    <Group gap="md" align="center">
      {draft.kind === 'project' && (
        <Checkbox
          label="Start it now"
          checked={draft.startsNow}
          onChange={(event) => change({ startsNow: event.currentTarget.checked })}
        />
      )}
      <Button onClick={onSend} loading={isSending}>
        {starts ? 'Create and start' : 'Create'}
      </Button>
    </Group>
  );
}
