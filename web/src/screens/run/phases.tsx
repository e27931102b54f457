import { Group, Text } from '@mantine/core';
import type { RunEvent } from '../../api/run-stream.ts';
import type { RunPhase } from '../../api/types.ts';
import { duration } from '../../parts/numbers.ts';
import { capital, phaseOf } from '../../parts/runs/status.tsx';

/** What a run did after the other, and for how long. */
export function Phases({ events }: { events: RunEvent[] }) {
  const reached = events.flatMap(({ at, data }) =>
    at !== null && typeof data.phase === 'string' ? [{ at, phase: data.phase as RunPhase }] : [],
  );
  const phases = reached.filter(({ phase }, index) => phase !== reached[index - 1]?.phase);
  if (phases.length === 0) return null;
  return (
    <Group component="ol" gap="xs" className="phases" aria-label="Phases">
      {phases.map(({ at, phase }, index) => {
        const next = phases[index + 1];
        return (
          <li key={`${phase} ${at.toISOString()}`}>
            <Text size="sm" component="span" fw={next ? 400 : 600}>
              {capital(phaseOf(phase))}
            </Text>
            {next && (
              <Text size="xs" component="span" c="dimmed">
                {' '}
                {duration((next.at.getTime() - at.getTime()) / 1000)}
              </Text>
            )}
          </li>
        );
      })}
    </Group>
  );
}
