import { Anchor, Button, Card, Group, SimpleGrid, Text } from '@mantine/core';
import { Link } from 'wouter';
import { addressOf } from '../../parts/runs/owners.ts';
import { RunProgress } from '../../parts/runs/run-progress.tsx';
import { StatusBadge, whyOf } from '../../parts/runs/status.tsx';
import { UserText } from '../../parts/user-text.tsx';
import type { Look } from './looks.ts';
import type { Compared } from './use-compared.ts';

/** Which runs are compared: how each is drawn, how far it is, and a way to leave it out. */
export function RunKeys({ runs, onLeaveOut }: { runs: Compared[]; onLeaveOut: (run: Compared) => void }) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }} spacing="sm">
      {runs.map((each) => {
        const { run, owner, name, label, chosen, color, dash } = each;
        return (
          <Card key={run.id} withBorder component="article" aria-label={label} p="sm">
            <Group justify="space-between" wrap="nowrap" align="start" gap="xs">
              <Anchor component={Link} href={addressOf(owner, chosen.number ?? undefined)} fw={600} lineClamp={2}>
                <UserText inline>{name}</UserText>
              </Anchor>
              <StatusBadge status={run.status} paused={run.pause_reason !== null} />
            </Group>
            <Group gap="xs" justify="space-between" mb={4}>
              <Group gap="xs">
                <LineSample color={color} dash={dash} />
                <Text size="sm" c="dimmed">
                  {owner.kind} {owner.id}, run {run.number}
                </Text>
              </Group>
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Leave out ${label}`}
                onClick={() => onLeaveOut(each)}
              >
                Leave out
              </Button>
            </Group>
            <RunProgress run={{ ...run, tokens_per_s: null, seconds_left: null }} name={label} />
            <Text size="sm" lineClamp={3} component="div" mt={4}>
              <UserText>{whyOf(run)}</UserText>
            </Text>
          </Card>
        );
      })}
    </SimpleGrid>
  );
}

function LineSample({ color, dash }: Look) {
  return (
    <svg width="44" height="8" aria-hidden="true">
      <line x1="0" y1="4" x2="44" y2="4" stroke={`var(${color})`} strokeWidth="3" strokeDasharray={dash.join(' ')} />
    </svg>
  );
}
