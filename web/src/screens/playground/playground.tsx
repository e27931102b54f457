import { Alert, Anchor, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { heldOutQuery, ownerQuery, runsOfQuery } from '../../api/runs.ts';
import type { Run, RunOwner } from '../../api/types.ts';
import { useNumberParam, useParam } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Folded } from '../../parts/folded.tsx';
import { Problem } from '../../parts/problem.tsx';
import { addressOf } from '../../parts/runs/owners.ts';
import { Screen } from '../../parts/screen.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { Votes } from '../../parts/votes.tsx';
import { askedBy, NOTHING } from './conversation.ts';
import { HeldOutRows } from './held-out-rows.tsx';
import { Sides } from './sides.tsx';
import { Trial } from './trial.tsx';
import { useSides } from './use-sides.ts';

/** Two models side by side on one prompt: by themselves the base of a run, and what the run made of it. */
export default function Playground({ kind, id }: RunOwner) {
  const owner = { kind, id };
  const { data, error } = useQuery(ownerQuery(owner));
  const runs = useQuery(runsOfQuery(owner));
  const asked = useNumberParam('run');
  const run = runs.data?.items.find(({ number }) => number === (asked ?? data?.run_number));
  const problem = error ?? runs.error;
  if (!data || !runs.data)
    return problem ? (
      <Screen title={`Try ${kind} ${id}`}>
        <Problem error={problem} title="It cannot be shown" />
      </Screen>
    ) : null;
  return (
    <Screen
      title={`Try ${shown(data.name)}`}
      heading={
        <>
          Try <UserText inline>{data.name}</UserText>
        </>
      }
      actions={
        <Anchor component={Link} href={addressOf(owner, run?.number)}>
          Its run
        </Anchor>
      }
    >
      {run === undefined && <Alert color="gray">There is no run of this number.</Alert>}
      {data.training_type === 'rag' ? (
        <Alert color="gray">
          A run of the type rag tunes no model: its base answers from the documents, to POST …/query.
        </Alert>
      ) : (
        run && (
          <OfRun key={run.id} owner={owner} run={run} base={'base_model' in data ? data.base_model : data.model_name} />
        )
      )}
    </Screen>
  );
}

function OfRun({ owner, run, base }: { owner: RunOwner; run: Run; base: string }) {
  const { sides, choices } = useSides(owner, run, base);
  const isBlind = useParam('blind') === 'yes';
  const row = useNumberParam('row');
  const about = { owner, run, base, sides, isBlind };
  return (
    <Stack gap="lg">
      <Text size="sm">
        For trying and comparing, not for many users. Models answer on the CPU of the service, unless its setting
        MTM_SERVING_DEVICE names another device. A large one takes minutes to load.
      </Text>
      <Allowed needs="trainer">
        <Sides sides={sides} choices={choices} isBlind={isBlind} />
        <Folded label="Held-out rows to pick from" opened>
          <HeldOutRows owner={owner} run={run.number} />
        </Folded>
        {row === null ? (
          <Trial key="own" {...about} row={null} given={NOTHING} expected={null} />
        ) : (
          <OfRow key={row} {...about} row={row} />
        )}
      </Allowed>
      <Votes owner={owner} run={run} />
    </Stack>
  );
}

type OfRowProps = Omit<Parameters<typeof Trial>[0], 'given' | 'expected'> & { row: number };

function OfRow(props: OfRowProps) {
  const { owner, run, row } = props;
  const { data, error } = useQuery(heldOutQuery(owner, run.number, row, 1));
  if (!data) return <Problem error={error} title="The row cannot be read" />;
  const [item] = data.items;
  if (item === undefined) return <Alert color="gray">There is no held-out row of this number.</Alert>;
  const asked = askedBy(item);
  if (!asked.asks)
    return (
      <Alert color="gray">
        This row is a text without a question and an answer. Pick another one, or ask something of your own.
      </Alert>
    );
  return <Trial {...props} given={asked.conversation} expected={asked.expected} />;
}
