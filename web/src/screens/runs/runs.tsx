import { Group, Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type RunSearch, runListQuery } from '../../api/runs.ts';
import { useChangeAddress, useChoice, useParam } from '../../parts/address.ts';
import { NameSearch } from '../../parts/name-search.tsx';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { RunRows } from '../../parts/runs/run-rows.tsx';
import { Screen } from '../../parts/screen.tsx';
import { Comparison, useChosen } from './comparison.tsx';

const PAGE_SIZE = 50;
const STATUSES = ['', 'open', 'ended', 'pending', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;
const SORTS = [
  { value: '-id', label: 'Newest first' },
  { value: 'id', label: 'Oldest first' },
  { value: 'name', label: 'Name, A to Z' },
  { value: '-name', label: 'Name, Z to A' },
] as const;

/** All runs of all jobs and projects: searched, filtered and sorted by the database. */
export default function Runs() {
  const name = useParam('name');
  const status = useChoice('status', STATUSES, '');
  const sort = useChoice(
    'sort',
    SORTS.map(({ value }) => value),
    '-id',
  );
  const change = useChangeAddress();
  const choice = useChosen();
  const query: RunSearch = { page: usePage(), page_size: PAGE_SIZE, sort };
  if (name !== '') query.name = name;
  if (status !== '') query.status = status;
  const { data, error } = useQuery(runListQuery(query));
  return (
    <Screen title="Runs">
      <Group align="end">
        <NameSearch />
        <Select
          label="Status"
          data={STATUSES.map((value) => ({ value, label: value === '' ? 'all' : value }))}
          value={status}
          allowDeselect={false}
          onChange={(value) => change({ page: null, status: value || null })}
        />
        <Select
          label="Order"
          data={[...SORTS]}
          value={sort}
          allowDeselect={false}
          onChange={(value) => change({ page: null, sort: value })}
        />
      </Group>
      <Problem error={error} title="The runs cannot be read" />
      {data && (
        <>
          <Text role="status">
            {data.total === 0 ? 'No run is like this.' : `${count(data.total)} ${data.total === 1 ? 'run' : 'runs'}`}
          </Text>
          {(data.items.length > 0 || choice.chosen.length > 0) && (
            <Comparison chosen={choice.chosen} onClear={() => choice.choose([])} />
          )}
          {data.items.length > 0 && <RunRows runs={data.items} time="created_at" caption="Runs" choice={choice} />}
          <Pages total={data.pages} />
        </>
      )}
    </Screen>
  );
}
