import { Button, Group, Stack, Text, Title } from '@mantine/core';
import type { NewVote } from '../../api/playground.ts';
import { Problem } from '../../parts/problem.tsx';

type Better = NewVote['better'];

const CHOICES: { better: Better; label: string }[] = [
  { better: 'left', label: 'Answer 1 is better' },
  { better: 'same', label: 'Both the same' },
  { better: 'right', label: 'Answer 2 is better' },
];

interface BallotProps {
  /** Why there is nothing to vote on; null: there is. */
  obstacle: string | null;
  chosen: Better | null;
  isPending: boolean;
  error: Error | null;
  onVote: (better: Better) => void;
}

/** Which of two answers is better; it is asked once. */
export function Ballot({ obstacle, chosen, isPending, error, onVote }: BallotProps) {
  return (
    <Stack component="section" aria-labelledby="playground-ballot" gap="xs">
      <Title order={2} size="h4" id="playground-ballot">
        Which is better?
      </Title>
      <Group gap="xs">
        {CHOICES.map(({ better, label }) => (
          <Button
            key={better}
            variant={chosen === better ? 'filled' : 'default'}
            aria-pressed={chosen === better}
            disabled={obstacle !== null || (chosen !== null && chosen !== better)}
            loading={isPending}
            onClick={() => chosen === null && onVote(better)}
          >
            {label}
          </Button>
        ))}
      </Group>
      <Text size="sm" role="status">
        {chosen !== null
          ? 'Your vote is kept with the run.'
          : (obstacle ?? 'Your vote is kept with the run, with what was asked and answered.')}
      </Text>
      <Problem error={error} title="The vote was not kept" />
    </Stack>
  );
}
