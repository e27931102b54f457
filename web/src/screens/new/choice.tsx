import { Anchor, Card, SimpleGrid, Text } from '@mantine/core';
import { Link } from 'wouter';
import { Allowed } from '../../parts/allowed.tsx';
import { Screen } from '../../parts/screen.tsx';

const KINDS = [
  {
    href: '/new/job',
    label: 'A job',
    about: 'One dataset, one training: the quickest way to a tuned model. It is queued as soon as it is created.',
  },
  {
    href: '/new/project',
    label: 'A project',
    about: 'Several datasets, mixed by traits and shares that are exact to the row; it can be started again and again.',
  },
  {
    href: '/new/sweep',
    label: 'A sweep',
    about:
      'One dataset, many settings: each is a training of its own, the worse ones are stopped early, and the best is named.',
  },
];

/** Which kind of training is new. */
export default function Choice() {
  return (
    <Screen title="New training">
      <Allowed needs="trainer">
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
          {KINDS.map(({ href, label, about }) => (
            <Card key={href} withBorder>
              <Anchor component={Link} href={href} fw={600} size="lg">
                {label}
              </Anchor>
              <Text mt="xs">{about}</Text>
            </Card>
          ))}
        </SimpleGrid>
      </Allowed>
    </Screen>
  );
}
