import { Anchor, Card, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { curvesQuery } from '../../api/runs.ts';
import type { ListedRun } from '../../api/types.ts';
import { loss } from '../../parts/numbers.ts';
import { addressOf } from '../../parts/runs/owners.ts';
import { RunProgress } from '../../parts/runs/run-progress.tsx';
import { capital, phaseOf, StatusBadge } from '../../parts/runs/status.tsx';
import { Sparkline } from '../../parts/sparkline.tsx';
import { UserText } from '../../parts/user-text.tsx';

const SPARK_POINTS = 80;
const SPARK_EVERY_MS = 5_000;

/** A run under way: how far, how well, and who does it. */
export function RunCard({ run }: { run: ListedRun }) {
  const curves = useQuery({
    ...curvesQuery(run.owner, run.number, { fromStep: 0, toStep: undefined, points: SPARK_POINTS }),
    refetchInterval: SPARK_EVERY_MS,
  });
  return (
    <Card withBorder component="article" aria-label={run.owner.name}>
      <Group justify="space-between" wrap="nowrap" align="start">
        <Anchor component={Link} href={addressOf(run.owner)} fw={600} lineClamp={2}>
          <UserText inline>{run.owner.name}</UserText>
        </Anchor>
        <StatusBadge status={run.status} />
      </Group>
      <Text size="sm" c="dimmed" mb="xs">
        {run.training_type} of <UserText inline>{run.base_model}</UserText>
      </Text>
      <RunProgress run={run} name={run.owner.name} />
      <Group justify="space-between" align="end" mt="xs" wrap="nowrap">
        <div>
          <Text size="sm">Loss {loss(run.current_loss)}</Text>
          <Text size="sm" c="dimmed">
            {capital(phaseOf(run.phase))}
            {run.worker_id === null ? '' : ` on ${run.worker_id}`}
          </Text>
        </div>
        <Sparkline values={curves.data?.buckets.loss ?? []} label={`Loss of ${run.owner.name}`} />
      </Group>
    </Card>
  );
}
