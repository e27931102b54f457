import { Group, NativeSelect, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type DatasetSearch, datasetListQuery } from '../../api/datasets.ts';
import { useChangeAddress, useChoice, useParam } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { NameSearch } from '../../parts/name-search.tsx';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { DatasetRows } from './dataset-rows.tsx';
import { DropTarget } from './drop-target.tsx';
import './datasets.css';

const PAGE_SIZE = 50;
const SORTS = [
  { value: '-id', label: 'Newest first' },
  { value: 'id', label: 'Oldest first' },
  { value: 'name', label: 'Name, A to Z' },
  { value: '-name', label: 'Name, Z to A' },
  { value: '-row_count', label: 'Most rows first' },
  { value: 'row_count', label: 'Fewest rows first' },
  { value: '-file_size', label: 'Largest first' },
  { value: 'file_size', label: 'Smallest first' },
] as const;

/** All datasets, and the place where files become some. */
export default function Datasets() {
  const name = useParam('name');
  const sort = useChoice(
    'sort',
    SORTS.map(({ value }) => value),
    '-id',
  );
  const change = useChangeAddress();
  const query: DatasetSearch = { page: usePage(), page_size: PAGE_SIZE, sort, ...(name === '' ? {} : { name }) };
  const { data, error } = useQuery(datasetListQuery(query));
  const isEmpty = data?.total === 0 && name === '';
  return (
    <Screen title="Datasets">
      <Allowed needs="trainer">
        <DropTarget />
      </Allowed>
      <Problem error={error} title="The datasets cannot be read" />
      {isEmpty && <Text>There is no dataset yet. The first file that you upload appears here.</Text>}
      {data && !isEmpty && (
        <>
          <Group align="end">
            <NameSearch />
            <NativeSelect
              label="Order"
              data={[...SORTS]}
              value={sort}
              onChange={({ currentTarget: { value } }) => change({ page: null, sort: value === '-id' ? null : value })}
            />
          </Group>
          <Text role="status">
            {data.total === 0
              ? 'No dataset is like this.'
              : `${count(data.total)} ${data.total === 1 ? 'dataset' : 'datasets'}`}
          </Text>
          {data.items.length > 0 && <DatasetRows datasets={data.items} />}
          <Pages total={data.pages} />
        </>
      )}
    </Screen>
  );
}
