import { Anchor, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { datasetListQuery, datasetQuery } from '../../api/datasets.ts';
import type { Dataset } from '../../api/types.ts';
import { count } from '../../parts/numbers.ts';
import { shown, UserText } from '../../parts/user-text.tsx';

const SHOWN = 20;
const TYPE_AFTER_MS = 250;

interface DatasetSelectProps {
  label: string;
  placeholder?: string;
  value: number | null;
  onChange: (id: number) => void;
  /** For one that need not be chosen. */
  onClear?: () => void;
  error: string | undefined;
}

/** A dataset: the newest ones, or those whose names have what is typed, as the service finds them. */
export function DatasetSelect({
  label,
  placeholder = 'Choose one, or type a part of its name',
  value,
  onChange,
  onClear,
  error,
}: DatasetSelectProps) {
  const [search, setSearch] = useState('');
  const chosen = useQuery({ ...datasetQuery(value ?? 0), enabled: value !== null });
  const isTyped = chosen.data === undefined || search !== labelOf(chosen.data);
  const [asked] = useDebouncedValue(isTyped ? search.trim() : '', TYPE_AFTER_MS);
  const found = useQuery(datasetListQuery({ page_size: SHOWN, ...(asked === '' ? {} : { name: asked }) }));
  const byId = new Map(
    [...(found.data?.items ?? []), ...(chosen.data ? [chosen.data] : [])].map((dataset) => [
      String(dataset.id),
      dataset,
    ]),
  );
  return (
    <Stack gap={4}>
      <Select
        label={label}
        placeholder={placeholder}
        searchable
        searchValue={search}
        onSearchChange={setSearch}
        data={[...byId].map(([id, dataset]) => ({ value: id, label: labelOf(dataset) }))}
        // The service has searched.
        filter={({ options }) => options}
        value={value === null ? null : String(value)}
        onChange={(id) => id !== null && onChange(Number(id))}
        allowDeselect={false}
        maxDropdownHeight={320}
        error={error ?? chosen.error?.message ?? found.error?.message}
        nothingFoundMessage={asked === '' ? 'There is no dataset yet' : 'No dataset has such a name'}
        renderOption={({ option }) => <Option dataset={byId.get(option.value)} />}
      />
      {chosen.data && <Rows dataset={chosen.data} />}
      {onClear !== undefined && value !== null && (
        <Group>
          <Button variant="default" size="compact-sm" onClick={onClear}>
            No {label.toLowerCase()}
          </Button>
        </Group>
      )}
      {found.data?.total === 0 && asked === '' && onClear === undefined && (
        <Text size="sm">
          There is no dataset yet.{' '}
          <Anchor component={Link} href="/datasets" size="sm">
            Upload one
          </Anchor>{' '}
          first: this draft stays as it is.
        </Text>
      )}
    </Stack>
  );
}

/** Names are not unique, and a number is. */
function labelOf({ id, name }: Dataset): string {
  return `${shown(name)} (${id})`;
}

function Option({ dataset }: { dataset: Dataset | undefined }) {
  if (dataset === undefined) return null;
  return (
    <div>
      <UserText inline>{labelOf(dataset)}</UserText>
      <Text size="xs">{rowsOf(dataset)}</Text>
    </div>
  );
}

function Rows({ dataset }: { dataset: Dataset }) {
  return (
    <Text size="sm">
      {rowsOf(dataset)}.{' '}
      <Anchor component={Link} href={`/datasets/${dataset.id}`} size="sm">
        Look at dataset {dataset.id}
      </Anchor>
    </Text>
  );
}

function rowsOf({ row_count: rows, usable_row_count: usable }: Dataset): string {
  if (usable === rows) return `${count(rows)} rows`;
  return `${count(usable)} of ${count(rows)} rows can be used`;
}
