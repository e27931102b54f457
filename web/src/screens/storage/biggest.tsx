import { Anchor, Stack, Table, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Storage } from '../../api/storage.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';
import { OfRun } from './of-run.tsx';

const MOST = 20;

interface Big {
  key: string;
  kind: string;
  bytes: number;
  name: ReactNode;
  goes: ReactNode;
}

/** The largest things of all kinds, each with when it goes, or why it stays. */
export function Biggest({ storage }: { storage: Storage }) {
  const things = [...storage.kinds.flatMap(ofKind), ...storage.others.flatMap(ofOther)]
    .filter((thing) => thing.bytes > 0)
    .sort((one, other) => other.bytes - one.bytes)
    .slice(0, MOST);
  if (things.length === 0) return null;
  return (
    <Stack component="section" aria-labelledby="largest" gap="xs">
      <Title order={2} size="h4" id="largest">
        The largest
      </Title>
      <DataTable label="The largest things" heads={['What', 'Kind', 'Takes', 'When it goes']} miw={640}>
        {things.map(({ key, kind, bytes: size, name, goes }) => (
          <Table.Tr key={key}>
            <Table.Th scope="row">{name}</Table.Th>
            <Table.Td>{kind}</Table.Td>
            <Table.Td className="no-wrap">{bytes(size)}</Table.Td>
            <Table.Td>{goes}</Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Stack>
  );
}

function ofKind({ kind, biggest, keep_days }: Storage['kinds'][number]): Big[] {
  return biggest.map(({ name, bytes: size, pinned, due_at }) => ({
    key: `${kind} ${name}`,
    kind,
    bytes: size,
    name: <OfRun name={name} />,
    goes:
      pinned !== null ? (
        `It stays: ${pinned}.`
      ) : due_at === null ? (
        `It stays: ${keep_days === null ? 'these are kept for ever' : 'its time is not known yet'}.`
      ) : (
        <>
          <When at={due_at} />, by policy {kind}
        </>
      ),
  }));
}

function ofOther({ name: kind, biggest }: Storage['others'][number]): Big[] {
  return biggest.map(({ name, bytes: size, dataset_id }) => ({
    key: `${kind} ${name} ${dataset_id}`,
    kind,
    bytes: size,
    name:
      dataset_id === null ? (
        <OfRun name={name} />
      ) : (
        <Anchor component={Link} href={`/datasets/${dataset_id}`} inherit>
          <UserText inline>{name}</UserText>
        </Anchor>
      ),
    goes: 'No policy removes it.',
  }));
}
