import { Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { healthQuery } from '../../api/service.ts';

const NAMES = { database: 'PostgreSQL', temporal: 'Temporal' } as const;

/** The parts of the service, and whether they answer. What to do where one does not stands above every screen. */
export function Parts() {
  const { data: health } = useQuery(healthQuery);
  if (!health) return null;
  return (
    <Stack component="section" aria-labelledby="parts" gap="xs">
      <Title order={2} size="h4" id="parts">
        Service
      </Title>
      <Group gap="lg">
        {(['database', 'temporal'] as const).map((part) => (
          <Text key={part} size="sm">
            <span aria-hidden="true">{health.components[part] === 'up' ? '✓' : '✕'}</span> {NAMES[part]} is{' '}
            {health.components[part] === 'up' ? 'there' : 'away'}
          </Text>
        ))}
      </Group>
    </Stack>
  );
}
