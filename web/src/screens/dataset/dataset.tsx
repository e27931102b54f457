import { List, Stack, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { datasetQuery } from '../../api/datasets.ts';
import type { Dataset as DatasetOf } from '../../api/types.ts';
import { useChangeAddress, useChoice } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';
import { Actions } from './actions.tsx';
import { Learnt } from './learnt.tsx';
import { MappingTab } from './mapping.tsx';
import { ProfileTab } from './profile.tsx';
import { RowLink } from './row-link.tsx';
import { Rows } from './rows.tsx';
import { Users } from './users.tsx';
import './dataset.css';

const TABS = [
  { value: 'rows', label: 'Rows' },
  { value: 'profile', label: 'Profile' },
  { value: 'mapping', label: 'Mapping' },
  { value: 'learnt', label: 'What is learnt' },
  { value: 'users', label: 'Used by' },
] as const;

/** One dataset: its rows, what it is made of, how rows become conversations, and what a model learns of them. */
export default function Dataset({ id }: { id: number }) {
  const { data, error } = useQuery(datasetQuery(id));
  const tab = useChoice(
    'tab',
    TABS.map(({ value }) => value),
    'rows',
  );
  const change = useChangeAddress();
  if (!data)
    return (
      error && (
        <Screen title={`Dataset ${id}`}>
          <Problem error={error} title="It cannot be shown" />
        </Screen>
      )
    );
  return (
    <Screen
      title={shown(data.name)}
      heading={<UserText inline>{data.name}</UserText>}
      actions={
        <Allowed needs="trainer">
          <Actions dataset={data} />
        </Allowed>
      }
    >
      <Facts dataset={data} />
      <Tabs value={tab} onChange={(value) => change({ tab: value === 'rows' ? null : value })} keepMounted={false}>
        <Tabs.List>
          {TABS.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab} pt="md">
          {tab === 'rows' && <Rows dataset={data} />}
          {tab === 'profile' && <ProfileTab dataset={data} />}
          {tab === 'mapping' && <MappingTab dataset={data} />}
          {tab === 'learnt' && <Learnt dataset={data} />}
          {tab === 'users' && <Users id={id} />}
        </Tabs.Panel>
      </Tabs>
    </Screen>
  );
}

/** Where it comes from, how much of it can be trained on, and what was done so that it could be read. */
function Facts({ dataset }: { dataset: DatasetOf }) {
  const { description, filename, file_size, row_count, usable_row_count, created_at, notes, unusable } = dataset;
  return (
    <Stack gap="xs">
      {description !== null && description !== '' && <UserText>{description}</UserText>}
      <Text component="div">
        <UserText inline>{filename}</UserText>, {bytes(file_size)}, {count(row_count)}{' '}
        {row_count === 1 ? 'row' : 'rows'}, of which{' '}
        {usable_row_count === row_count ? 'all' : usable_row_count === 0 ? 'none' : count(usable_row_count)} can be
        trained on; uploaded <When at={created_at} />
      </Text>
      {(unusable.length > 0 || notes.length > 0) && (
        <List size="sm">
          {unusable.map(({ problem, rows, first_row }) => (
            <List.Item key={problem}>
              {count(rows)} {rows === 1 ? 'row gives' : 'rows give'} no conversation:{' '}
              <UserText inline>{problem}</UserText>. The first is <RowLink row={first_row} />
            </List.Item>
          ))}
          {notes.map((note) => (
            <List.Item key={note}>
              <UserText inline>{note}</UserText>
            </List.Item>
          ))}
        </List>
      )}
    </Stack>
  );
}
