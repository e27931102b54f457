import { Group, Text } from '@mantine/core';
import { duration } from '../../parts/numbers.ts';
import { capital, phaseOf } from '../../parts/runs/status.tsx';
import type { ReachedPhase } from './use-run-stream.ts';

const MOST_SHOWN = 10;

/** What a run did after the other, and for how long. What took less than a second is left to the events. */
export function Phases({ reached }: { reached: ReachedPhase[] }) {
  const phases = reached
    .map((step, index, all) => ({ ...step, seconds: secondsBetween(step.at, all[index + 1]?.at) }))
    .filter(({ seconds }) => seconds === null || seconds >= 1);
  if (phases.length === 0) return null;
  return (
    <Group component="ol" gap="xs" className="phases" aria-label="Phases">
      {phases.length > MOST_SHOWN && <li>…</li>}
      {phases.slice(-MOST_SHOWN).map(({ at, phase, seconds }) => (
        <li key={`${phase} ${at.toISOString()}`}>
          <Text size="sm" component="span" fw={seconds === null ? 600 : 400}>
            {capital(phaseOf(phase))}
          </Text>
          {seconds !== null && (
            <Text size="xs" component="span" c="dimmed">
              {' '}
              {duration(seconds)}
            </Text>
          )}
        </li>
      ))}
    </Group>
  );
}

function secondsBetween(from: Date, to: Date | undefined): number | null {
  return to === undefined ? null : (to.getTime() - from.getTime()) / 1000;
}
