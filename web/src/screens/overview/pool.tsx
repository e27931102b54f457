import { Anchor, Button, Group, NumberInput, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { controlPool, poolQuery } from '../../api/service.ts';
import type { Worker, WorkerPool } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { Problem } from '../../parts/problem.tsx';
import { addressOf } from '../../parts/runs/owners.ts';
import { Tag } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';
import { DrainButton } from './drain.tsx';
import { Hosts } from './hosts.tsx';

const COLORS = { idle: 'teal', busy: 'blue', stopped: 'gray', error: 'red' } as const;

/** Who trains: each worker with what it does, and why it does nothing. */
export function Pool({ hasWaiting }: { hasWaiting: boolean }) {
  const { data: pool, error } = useQuery(poolQuery);
  return (
    <Stack component="section" aria-labelledby="pool" gap="sm">
      <Title order={2} size="h4" id="pool">
        Workers
      </Title>
      <Problem error={error} title="The workers cannot be read" />
      {pool && (
        <>
          <Text>{sentenceOf(pool, hasWaiting)}</Text>
          <Allowed needs="admin">
            <Controls pool={pool} />
          </Allowed>
          {pool.workers.length > 0 && <Workers workers={pool.workers} />}
          <Hosts pool={pool} />
        </>
      )}
    </Stack>
  );
}

function sentenceOf(
  { total_workers, busy_workers, idle_workers, max_workers, pending_action }: WorkerPool,
  hasWaiting: boolean,
): string {
  if (pending_action !== null)
    return `The pool is at it: ${pending_action.action}, ${pending_action.done} of ${pending_action.total} workers are as asked.`;
  const others = total_workers - busy_workers - idle_workers;
  if (total_workers > 0)
    return [
      `${busy_workers} of ${total_workers} training, ${idle_workers} waiting for work`,
      others > 0 ? `, ${others} do neither: the table says why` : '',
      `. At most ${max_workers} run at once.`,
    ].join('');
  return hasWaiting
    ? 'No worker runs, so nothing that waits can begin. Start one.'
    : 'No worker runs. Start one before, or after, you ask for a run.';
}

function Controls({ pool }: { pool: WorkerPool }) {
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<number | string>(1);
  const { mutate, error, isPending, variables } = useMutation({
    mutationFn: controlPool,
    onSettled: () => queries.invalidateQueries({ queryKey: poolQuery.queryKey }),
  });
  const isAt = (action: string) => isPending && variables?.action === action;
  const has = pool.workers.length > 0;
  return (
    <Stack gap="xs">
      <Group align="end" gap="xs">
        <NumberInput
          label="How many more"
          value={wanted}
          onChange={setWanted}
          min={1}
          max={pool.max_workers}
          allowDecimal={false}
          w={130}
        />
        <Button loading={isAt('start')} onClick={() => mutate({ action: 'start', worker_count: Number(wanted) })}>
          Start workers
        </Button>
        {has && (
          <>
            <Button variant="default" loading={isAt('restart')} onClick={() => mutate({ action: 'restart' })}>
              Restart all
            </Button>
            <Button variant="default" loading={isAt('stop')} onClick={() => mutate({ action: 'stop' })}>
              Stop all
            </Button>
          </>
        )}
      </Group>
      {has && (
        <Text size="xs" c="dimmed">
          A worker that is stopped or restarted saves first: its run goes on from there.
        </Text>
      )}
      <Problem error={error} />
    </Stack>
  );
}

function Workers({ workers }: { workers: Worker[] }) {
  return (
    <DataTable
      label="Each worker"
      heads={['Worker', 'Status', 'Where', 'Does', 'Runs done', 'Last heard of', 'For work on it']}
      miw={640}
      verticalSpacing="xs"
    >
      {workers.map((worker) => (
        <Table.Tr key={worker.id}>
          <Table.Td>{worker.id}</Table.Td>
          <Table.Td>
            <Tag color={COLORS[worker.status]}>{worker.status}</Tag>
            {worker.drain && (
              <>
                {' '}
                <Tag color="yellow">{worker.drain.state}</Tag>
              </>
            )}
          </Table.Td>
          <Table.Td>
            {worker.host}, {worker.device ?? 'no device yet'}
          </Table.Td>
          <Table.Td miw={220}>
            <Work worker={worker} />
          </Table.Td>
          <Table.Td>{worker.jobs_completed}</Table.Td>
          <Table.Td className="no-wrap">
            <When at={worker.last_activity} />
          </Table.Td>
          <Table.Td>
            <DrainButton kind="worker" name={worker.id} drain={worker.drain} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

function Work({ worker }: { worker: Worker }) {
  const owner =
    worker.current_job_id !== null
      ? ({ kind: 'job', id: worker.current_job_id } as const)
      : worker.current_project_id !== null
        ? ({ kind: 'project', id: worker.current_project_id } as const)
        : null;
  if (owner !== null)
    return (
      <Anchor component={Link} href={addressOf(owner)} size="sm">
        {owner.kind} {owner.id}
      </Anchor>
    );
  return (
    <Text size="sm">
      {worker.reason ?? 'nothing'}
      {worker.next_start_at !== null && (
        <>
          {' '}
          It is started again <When at={worker.next_start_at} />.
        </>
      )}
    </Text>
  );
}
