import { Anchor, List, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { usersQuery } from '../../api/datasets.ts';
import type { RunOwner } from '../../api/types.ts';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { addressOf } from '../../parts/runs/owners.ts';
import { UserText } from '../../parts/user-text.tsx';

/** The jobs and projects that use a dataset: as long as there are any it cannot be deleted. */
export function Users({ id }: { id: number }) {
  const { data, error } = useQuery(usersQuery(id, usePage()));
  if (!data) return <Problem error={error} title="Its users cannot be read" />;
  if (data.total === 0) return <Text>No job and no project uses it.</Text>;
  return (
    <Stack>
      <Text>
        {count(data.total)} {data.total === 1 ? 'uses' : 'use'} it. It cannot be deleted as long as there are any.
      </Text>
      <UserList users={data.items} />
      <Pages total={data.pages} />
    </Stack>
  );
}

export function UserList({ users }: { users: (RunOwner & { name: string })[] }) {
  return (
    <List>
      {users.map((user) => (
        <List.Item key={`${user.kind} ${user.id}`}>
          {user.kind} {user.id}:{' '}
          <Anchor component={Link} href={addressOf(user)}>
            <UserText inline>{user.name}</UserText>
          </Anchor>
        </List.Item>
      ))}
    </List>
  );
}
