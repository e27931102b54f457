import { Button, Group, Text } from '@mantine/core';
import { Link } from 'wouter';
import { useChangeAddress, useParam } from '../../parts/address.ts';
import { type ChosenRun, chosenIn, comparisonOf, MOST_COMPARED, writtenAs } from '../../parts/runs/chosen.ts';

/** Which runs are to be compared. They stand in the address, so they stay chosen on other pages of the list and behind other filters. */
export function useChosen(): { chosen: ChosenRun[]; choose: (runs: ChosenRun[]) => void } {
  const { runs } = chosenIn(useParam('chosen'));
  const change = useChangeAddress();
  return { chosen: runs, choose: (next) => change({ chosen: next.map(writtenAs).join(',') || null }) };
}

/** What has been chosen so far, and what is missing before it can be compared. */
export function Comparison({ chosen, onClear }: { chosen: ChosenRun[]; onClear: () => void }) {
  const canCompare = chosen.length >= 2 && chosen.length <= MOST_COMPARED;
  return (
    <Group gap="sm">
      <Text role="status" size="sm">
        {sentenceOf(chosen)}
      </Text>
      {canCompare && (
        <Button component={Link} href={comparisonOf(chosen)} size="sm">
          Compare
        </Button>
      )}
      {chosen.length > 0 && (
        <Button size="sm" variant="default" onClick={onClear}>
          Choose none
        </Button>
      )}
    </Group>
  );
}

function sentenceOf(chosen: ChosenRun[]): string {
  if (chosen.length === 0) return `To compare runs, choose two to ${MOST_COMPARED} of them, also on other pages.`;
  const named = `Chosen: ${chosen.map(writtenAs).join(', ')}.`;
  if (chosen.length === 1) return `${named} Choose at least one more to compare it with.`;
  if (chosen.length <= MOST_COMPARED) return named;
  return `${named} At most ${MOST_COMPARED} runs are compared at once: leave out ${chosen.length - MOST_COMPARED}.`;
}
