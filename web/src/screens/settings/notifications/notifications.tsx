import { Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { targetsQuery } from '../../../api/notifications.ts';
import { AddTarget } from './add-target.tsx';
import { Deliveries } from './deliveries.tsx';
import { Targets } from './targets.tsx';

/** Who is told of what happens while nobody looks. */
export function Notifications() {
  const { data } = useQuery(targetsQuery);
  const names = new Map(data?.items.map(({ id, name }) => [id, name]));
  return (
    <Stack component="section" aria-label="Notifications">
      <Title order={2}>Notifications</Title>
      <Text maw={760}>
        A webhook or an e-mail address is told when a run ends or pauses, a worker is lost, or a disk is nearly full.
      </Text>
      <AddTarget />
      <Targets />
      <Deliveries names={names} />
    </Stack>
  );
}
