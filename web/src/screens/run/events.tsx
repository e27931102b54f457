import { Button, Code, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { RunEvent } from '../../api/run-stream.ts';
import type { RunOwner } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { Loading } from '../../parts/loading.tsx';
import { count } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';
import { eventText } from './event-text.ts';

const FIRST_SHOWN = 200;

/** What happened, newest first; searched in what is shown of it. Of very many, `older` are not here. */
export function Events({
  owner,
  run,
  events,
  older,
}: {
  owner: RunOwner;
  run: number;
  events: RunEvent[];
  older: number;
}) {
  const [search, setSearch] = useState('');
  const [shownRows, setShownRows] = useState(FIRST_SHOWN);
  const wanted = search.trim().toLowerCase();
  const found = useMemo(
    () =>
      events
        .map((event) => ({ event, text: eventText(event) }))
        .filter(({ event, text }) => wanted === '' || `${event.kind} ${text}`.toLowerCase().includes(wanted))
        .reverse(),
    [events, wanted],
  );
  return (
    <Stack>
      <TextInput
        label="Search in events"
        type="search"
        maw={320}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      {events.length === 0 ? (
        // Each run has one, of when it was asked for: they are still coming.
        <Loading />
      ) : found.length === 0 ? (
        <Text>No event is like this.</Text>
      ) : (
        <DataTable label="Events" heads={['When', 'What', 'More']} miw={480} verticalSpacing={4}>
          {found.slice(0, shownRows).map(({ event, text }) => (
            <Table.Tr key={event.id}>
              <Table.Td className="no-wrap">
                <When at={event.at} />
              </Table.Td>
              <Table.Td className="no-wrap">{event.kind.replaceAll('_', ' ')}</Table.Td>
              <Table.Td>
                <UserText>{text}</UserText>
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
      {found.length > shownRows && (
        <Button variant="default" onClick={() => setShownRows(shownRows + FIRST_SHOWN)}>
          Show older ones ({found.length - shownRows})
        </Button>
      )}
      {older > 0 && (
        <Text>
          {count(older)} older {older === 1 ? 'one is' : 'ones are'} not here. The API has all of them:{' '}
          <Code>
            GET /api/v1/{owner.kind}s/{owner.id}/events?run={run}
          </Code>
        </Text>
      )}
    </Stack>
  );
}
