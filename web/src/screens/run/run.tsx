import { Alert, Anchor, Button, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Link } from 'wouter';
import { ownerQuery, runsOfQuery } from '../../api/runs.ts';
import { healthQuery } from '../../api/service.ts';
import type { Job, Project, Run as RunOf, RunOwner } from '../../api/types.ts';
import { useChangeAddress, useChoice, useNumberParam } from '../../parts/address.ts';
import { Loading } from '../../parts/loading.tsx';
import { NamedTabs } from '../../parts/named-tabs.tsx';
import { Problem } from '../../parts/problem.tsx';
import { writtenAs } from '../../parts/runs/chosen.ts';
import { playgroundOf } from '../../parts/runs/owners.ts';
import { RunProgress } from '../../parts/runs/run-progress.tsx';
import { isOpen, StatusBadge, whyOf } from '../../parts/runs/status.tsx';
import { Screen } from '../../parts/screen.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';
import { Actions } from './actions.tsx';
import { Checkpoints } from './checkpoints.tsx';
import { Descent } from './descent.tsx';
import { Events } from './events.tsx';
import { Gate } from './gate.tsx';
import { Log } from './log.tsx';
import { Parts } from './parts.tsx';
import { Phases } from './phases.tsx';
import { RunPin } from './pin.tsx';
import { Place } from './place.tsx';
import { Plan } from './plan.tsx';
import { Report } from './report.tsx';
import { Settings } from './settings.tsx';
import { Start } from './start.tsx';
import { useRunStream } from './use-run-stream.ts';
import { NotPromoted, Versions } from './versions.tsx';

const CurvesTab = lazy(() => import('./curves.tsx'));

const TABS = ['curves', 'events', 'log', 'checkpoints', 'mixture', 'settings', 'report'] as const;
const TABS_OF_PROJECT = [...TABS, 'versions'] as const;
const OPEN_EVERY_MS = 2_000;

/** A job or project, and one of its runs: the latest, unless the address names another. */
export default function Run({ kind, id }: RunOwner) {
  const owner = { kind, id };
  const { data, error } = useQuery({
    ...ownerQuery(owner),
    refetchInterval: ({ state }) => (state.data && isOpen(state.data.status) ? OPEN_EVERY_MS : false),
  });
  const runs = useQuery({
    ...runsOfQuery(owner),
    // One that began since: a second part does so by itself.
    refetchInterval: ({ state }) =>
      state.data && data?.run_number && !runIn(state.data.items, data.run_number) ? OPEN_EVERY_MS : false,
  });
  const asked = useNumberParam('run');
  const items = runs.data?.items ?? [];
  const run = runIn(items, asked ?? data?.run_number ?? null);
  if (!data)
    return error ? (
      <Screen title={`${kind} ${id}`}>
        <Problem error={error} title="It cannot be shown" />
      </Screen>
    ) : null;
  return (
    <Screen
      title={shown(data.name)}
      heading={<UserText inline>{data.name}</UserText>}
      actions={<WhatCanBeDone owner={owner} data={data} run={run} />}
    >
      {data.description !== null && data.description !== '' && <UserText>{data.description}</UserText>}
      {items.length > 1 && <WhichRun runs={items} run={run} />}
      {runs.data && 'traits' in data && <Parts project={data} runs={items} run={run} />}
      <Problem error={runs.error} title="Its runs cannot be read" />
      {run === null ? (
        runs.data && <NoRun data={data} asked={asked} />
      ) : (
        <OneRun key={run.id} owner={owner} data={data} run={run} isLatest={run.number === data.run_number} />
      )}
    </Screen>
  );
}

function runIn(runs: RunOf[], number: number | null): RunOf | null {
  return runs.find((run) => run.number === number) ?? null;
}

function WhatCanBeDone({ owner, data, run }: { owner: RunOwner; data: Job | Project; run: RunOf | null }) {
  const { kind, id } = owner;
  const isPaused = data.pause_reason !== null;
  return (
    <>
      {data.run_number !== null && <Actions owner={owner} status={data.status} isPaused={isPaused} />}
      {run?.status === 'completed' && data.training_type !== 'rag' && (
        <Button component={Link} href={playgroundOf(owner, run.number)} size="sm">
          Try it
        </Button>
      )}
      <Button component={Link} href={`/new/${kind}?from=${kind}-${id}`} size="sm" variant="default">
        Again with changes
      </Button>
      {run !== null && (
        <Button
          component={Link}
          href={`/runs?chosen=${writtenAs({ ...owner, number: run.number === data.run_number ? null : run.number })}`}
          size="sm"
          variant="default"
        >
          Compare with…
        </Button>
      )}
    </>
  );
}

function NoRun({ data, asked }: { data: Job | Project; asked: number | null }) {
  if (data.run_number === null && 'traits' in data)
    return (
      <>
        <Start project={data} />
        <Gate project={data} />
      </>
    );
  // The latest one is there, and about to be read.
  return asked === null ? <Loading /> : <Alert color="gray">There is no run of this number.</Alert>;
}

function WhichRun({ runs, run }: { runs: RunOf[]; run: RunOf | null }) {
  const change = useChangeAddress();
  return (
    <Select
      label="Run"
      maw={320}
      allowDeselect={false}
      value={run === null ? null : String(run.number)}
      data={runs.map(({ number, status }) => ({ value: String(number), label: `Run ${number}, ${status}` }))}
      onChange={(value) => change({ run: value })}
    />
  );
}

function OneRun({
  owner,
  data,
  run,
  isLatest,
}: {
  owner: RunOwner;
  data: Job | Project;
  run: RunOf;
  isLatest: boolean;
}) {
  const tabs = owner.kind === 'project' ? TABS_OF_PROJECT : TABS;
  const tab = useChoice<(typeof TABS_OF_PROJECT)[number]>('tab', tabs, 'curves');
  const stream = useRunStream(owner, run.number);
  // The owner is read more often than the list of its runs.
  const now = isLatest ? data : { ...run, tokens_per_s: null, seconds_left: null };
  return (
    <Stack gap="md">
      <Stack gap="xs">
        <div>
          <StatusBadge status={now.status} paused={now.pause_reason !== null} />{' '}
          <Text component="span">{String(run.spec.training_type)} of </Text>
          <UserText inline>{'base_model' in data ? data.base_model : data.model_name}</UserText>
          {now.worker_id !== null && <Text component="span"> on {now.worker_id}</Text>}
          {'sweep_id' in data && data.sweep_id !== null && (
            <Text component="span">
              {', of '}
              <Anchor component={Link} href={`/sweeps/${data.sweep_id}`}>
                sweep {data.sweep_id}
              </Anchor>
            </Text>
          )}
          {data.created_by !== null && (
            <Text component="span">
              , asked for by <UserText inline>{data.created_by}</UserText>
            </Text>
          )}
          {run.started_at !== null && (
            <Text component="span" c="dimmed">
              , begun <When at={run.started_at} />
            </Text>
          )}
          <WorkflowLink workflowId={run.workflow_id} />
        </div>
        <Descent run={run} />
        <Text component="div">
          <UserText>{whyOf(now)}</UserText>
        </Text>
        {(now.status === 'pending' || now.status === 'queued') && <Place runId={run.id} />}
        <RunProgress run={now} name={data.name} />
        <RunPin owner={owner} run={run.number} isPinned={run.pinned} />
      </Stack>
      {owner.kind === 'project' && run.status === 'completed' && <NotPromoted id={owner.id} run={run.number} />}
      <Phases reached={stream.phases} />
      {stream.refusal !== null && <Alert color="yellow">{stream.refusal}</Alert>}
      <NamedTabs names={tabs} tab={tab}>
        {tab === 'curves' && (
          <Suspense fallback={<Loading />}>
            <CurvesTab owner={owner} run={run.number} totalSteps={now.total_steps} stream={stream} />
          </Suspense>
        )}
        {tab === 'events' && (
          <Events owner={owner} run={run.number} events={stream.events} older={stream.olderEvents} />
        )}
        {tab === 'log' && <Log owner={owner} run={run.number} isOpen={isOpen(now.status)} />}
        {tab === 'checkpoints' && (
          <Checkpoints owner={owner} run={run.number} isTrained={data.training_type !== 'rag'} />
        )}
        {tab === 'mixture' && <Plan plan={run.plan} isProject={owner.kind === 'project'} />}
        {tab === 'settings' && <Settings run={run} />}
        {tab === 'report' && <Report owner={owner} run={run} />}
        {tab === 'versions' && 'traits' in data && (
          <Stack gap="xl">
            <Versions id={owner.id} />
            <Gate project={data} />
          </Stack>
        )}
      </NamedTabs>
    </Stack>
  );
}

/** What happens behind a run is in Temporal's Web UI. */
function WorkflowLink({ workflowId }: { workflowId: string }) {
  const { data: health } = useQuery(healthQuery);
  if (!health?.workflows_url) return null;
  return (
    <>
      {', '}
      <Anchor href={`${health.workflows_url}/${encodeURIComponent(workflowId)}`}>its workflow</Anchor>
    </>
  );
}
