import { Anchor, Button, Group, NativeSelect, Stack, Table, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { type AuditRow, auditQuery, OUTCOMES } from '../../api/audit.ts';
import { useChangeAddress, useChoice, useParam } from '../../parts/address.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { NameSearch } from '../../parts/name-search.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

const KINDS = [
  ...['job', 'project', 'dataset', 'sweep', 'model', 'download', 'settings', 'pool', 'key', 'session', 'file'],
  ...['notification target', 'notification delivery'],
];
const OUTCOME_LABELS: Record<AuditRow['outcome'], string> = {
  done: 'Done',
  refused: 'Refused',
  failed: 'Failed',
  unknown: 'Not known: under way, or cut off',
};

/** Who changed what, and who was refused. Its filters stand in the address. */
export function AuditList() {
  const change = useChangeAddress();
  const outcome = useChoice('outcome', ['', ...OUTCOMES], '');
  const who = useParam('who');
  const entity = useParam('entity');
  const entityId = useParam('entity_id');
  const since = useParam('since');
  const until = useParam('until');
  const filter = {
    ...{ who, entity, outcome },
    entity_id: entity === '' ? '' : entityId,
    since: startOfDay(since, 0),
    until: startOfDay(until, 1),
  };
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(auditQuery(filter));
  const rows = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Stack>
      <Group align="end">
        <NameSearch label="Name of a key, all of it" param="who" />
        <NativeSelect
          label="What"
          data={[{ value: '', label: 'Everything' }, ...KINDS]}
          value={entity}
          onChange={({ currentTarget: { value } }) => change({ entity: value || null, entity_id: null })}
        />
        <NativeSelect
          label="How it ended"
          data={[
            { value: '', label: 'In any way' },
            ...OUTCOMES.map((value) => ({ value, label: OUTCOME_LABELS[value] })),
          ]}
          value={outcome}
          onChange={({ currentTarget: { value } }) => change({ outcome: value || null })}
        />
        <DayInput label="From this day on" name="since" value={since} />
        <DayInput label="Until this day" name="until" value={until} />
      </Group>
      <Problem error={error} title="The list cannot be read" />
      {data && (
        <Text role="status">
          {rows.length === 0 ? 'Nothing is like this.' : `${rows.length}${hasNextPage ? ' of more' : ''}, newest first`}
        </Text>
      )}
      {rows.length > 0 && (
        <DataTable
          label="Who did what, newest first"
          heads={['When', 'Who', 'What', 'Of', 'How it ended', 'Changes']}
          verticalSpacing="xs"
          miw={900}
        >
          {rows.map((row) => (
            <Row key={row.id} row={row} />
          ))}
        </DataTable>
      )}
      {hasNextPage && (
        <Group>
          <Button variant="default" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
            Show older ones
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Row({ row }: { row: AuditRow }) {
  const { at, who, role, address, method, route, entity, outcome, status, replayed, changes, request_id } = row;
  return (
    <Table.Tr>
      <Table.Td className="no-wrap">
        <When at={at} />
      </Table.Td>
      <Table.Td maw={200}>
        <UserText inline>{who}</UserText>
        <Text size="xs" c="dimmed">
          {[role, address].filter(Boolean).join(', ')}
        </Text>
      </Table.Td>
      <Table.Td maw={280}>
        {method} {route}
        <Text size="xs" c="dimmed" truncate>
          {request_id}
        </Text>
      </Table.Td>
      <Table.Td maw={240}>
        <Thing entity={entity} />
      </Table.Td>
      <Table.Td>
        {OUTCOME_LABELS[outcome]}
        {status === null ? '' : ` (${status})`}
        {replayed && ', as before: nothing new was made'}
      </Table.Td>
      <Table.Td maw={360}>
        <UserText>{changes}</UserText>
      </Table.Td>
    </Table.Tr>
  );
}

const SCREENS: Record<string, string> = { job: 'jobs', project: 'projects', dataset: 'datasets', sweep: 'sweeps' };

function Thing({ entity: { kind, id, name } }: { entity: AuditRow['entity'] }) {
  const screen = SCREENS[kind];
  const called = `${kind} ${id ?? ''}`.trim();
  return (
    <>
      {screen !== undefined && id !== null ? (
        <Anchor component={Link} href={`/${screen}/${encodeURIComponent(id)}`}>
          <UserText inline>{called}</UserText>
        </Anchor>
      ) : (
        <UserText inline>{called}</UserText>
      )}
      {name !== null && (
        <Text size="xs" c="dimmed" component="div">
          <UserText inline>{name}</UserText>
        </Text>
      )}
    </>
  );
}

function DayInput({ label, name, value }: { label: string; name: 'since' | 'until'; value: string }) {
  const change = useChangeAddress();
  return (
    <TextInput
      type="date"
      label={label}
      value={value}
      onChange={({ currentTarget: { value: day } }) => change({ [name]: day || null })}
    />
  );
}

/** When a day of the viewer's begins, or so many days later; '' where it is none. */
function startOfDay(day: string, later: number): string {
  const [year, month, date] = day.split('-').map(Number);
  if (year === undefined || month === undefined || date === undefined) return '';
  const begins = new Date(year, month - 1, date + later);
  return Number.isNaN(begins.getTime()) ? '' : begins.toISOString();
}
