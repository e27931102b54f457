import { Anchor, List, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { type Storage as Overview, storageQuery } from '../../api/storage.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { When } from '../../parts/when.tsx';
import { Biggest } from './biggest.tsx';
import { CleanUp } from './clean-up.tsx';
import { OfRun } from './of-run.tsx';
import { Removals } from './removals.tsx';

/** What fills the disk, what goes when and why, and what stays. */
export default function Storage() {
  const { data, error } = useQuery(storageQuery);
  return (
    <Screen title="Storage">
      <Problem error={error} title="It cannot be read" />
      {data && (
        <>
          <Disks disks={data.disks} />
          <Allowed needs="admin">
            <CleanUp />
          </Allowed>
          {data.going > 0 && <Text role="status">{count(data.going)} things are decided to go, and go now.</Text>}
          <Kinds kinds={data.kinds} />
          <Others others={data.others} />
          <Biggest storage={data} />
          <Pins pins={data.pins} />
          <Removals />
        </>
      )}
    </Screen>
  );
}

function Part({ title, id, children }: { title: string; id: string; children: ReactNode }) {
  return (
    <Stack component="section" aria-labelledby={id} gap="xs">
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

const HOLDS = { home: 'the service', outputs: 'published models', models: 'base models' } as const;

function Disks({ disks }: { disks: Overview['disks'] }) {
  return (
    <Part title="Disks" id="disks">
      <DataTable label="Disks of this host" heads={['Folder', 'Has', 'Free', 'Of']} miw={420}>
        {disks.map(({ path, holds, bytes: all, free_bytes }) => (
          <Table.Tr key={path}>
            <Table.Th scope="row">{path}</Table.Th>
            <Table.Td>{holds.map((held) => HOLDS[held]).join(', ')}</Table.Td>
            <Table.Td>{bytes(free_bytes)}</Table.Td>
            <Table.Td>{bytes(all)}</Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Part>
  );
}

function Kinds({ kinds }: { kinds: Overview['kinds'] }) {
  return (
    <Part title="What policies remove" id="kinds">
      <Text size="sm" maw={760}>
        From what is worth nothing to what is dear. What is due goes by itself within a minute or so, unless something
        under way needs it or somebody pinned it. For how long each is kept is changed by <code>PATCH /config/</code>.
      </Text>
      <DataTable
        label="What policies remove, and when"
        heads={[
          'What',
          'Takes',
          'Pinned or needed',
          'Kept for',
          'Goes now',
          'In 24 h',
          'In 7 days',
          'In 30 days',
          'Measured',
        ]}
        miw={900}
      >
        {kinds.map(({ kind, what, held, pinned, keep_days, is_default, frees, measured_at }) => (
          <Table.Tr key={kind}>
            <Table.Th scope="row" maw={320}>
              {kind}
              <Text size="sm" c="dimmed">
                {what}
              </Text>
            </Table.Th>
            <Table.Td>{held === null ? 'not measured yet' : amountOf(held)}</Table.Td>
            <Table.Td>{amountOf(pinned)}</Table.Td>
            <Table.Td>
              {keep_days === null ? 'for ever' : daysOf(keep_days)}
              {!is_default && ', by the configuration'}
            </Table.Td>
            {(['now', 'day', 'week', 'month'] as const).map((within) => (
              <Table.Td key={within}>{amountOf(frees?.[within] ?? null)}</Table.Td>
            ))}
            <Table.Td>
              <When at={measured_at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Part>
  );
}

function daysOf(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}

function amountOf(amount: { items: number; bytes: number } | null): string {
  if (amount === null) return '—';
  if (amount.items === 0) return 'nothing';
  return `${bytes(amount.bytes)} (${count(amount.items)})`;
}

function Others({ others }: { others: Overview['others'] }) {
  return (
    <Part title="What no policy removes" id="others">
      <DataTable label="What no policy removes, and its size" heads={['What', 'Takes', 'Measured']} miw={420}>
        {others.map(({ name, what, held, measured_at }) => (
          <Table.Tr key={name}>
            <Table.Th scope="row">
              {name}
              <Text size="sm" c="dimmed">
                {what}
              </Text>
            </Table.Th>
            <Table.Td>{held === null ? 'not measured yet' : bytes(held.bytes)}</Table.Td>
            <Table.Td>
              <When at={measured_at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Part>
  );
}

function Pins({ pins }: { pins: Overview['pins'] }) {
  return (
    <Part title="What is pinned" id="pins">
      {pins.length === 0 ? (
        <Text size="sm">
          Nothing. A run is pinned on its page, a checkpoint and an export beside it there: no policy removes what is
          pinned.
        </Text>
      ) : (
        <List size="sm">
          {pins.map(({ what, run, step, export_id }) => (
            <List.Item key={`${what} ${run} ${step ?? export_id}`}>
              {what === 'checkpoint' && `the checkpoint of step ${step} of `}
              {what === 'export' && `export ${export_id} of `}
              {what === 'run' && 'all of '}
              <OfRun name={run} tab={what === 'checkpoint' ? 'checkpoints' : what === 'export' ? 'report' : null} />
            </List.Item>
          ))}
        </List>
      )}
      <Text size="sm">
        <Anchor component={Link} href="/runs">
          All runs
        </Anchor>
      </Text>
    </Part>
  );
}
