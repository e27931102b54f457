import { Alert, Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { actOnSweep, deleteSweep, isOpenSweep, type SweepAction, sweepQuery, sweepsKey } from '../../api/sweeps.ts';
import type { Sweep } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { type ChosenRun, comparisonOf, MOST_COMPARED } from '../../parts/runs/chosen.ts';
import { StatusBadge } from '../../parts/runs/status.tsx';
import { Screen } from '../../parts/screen.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { Mixtures } from './mixtures.tsx';
import { ownerOf, ranked } from './ranked.ts';
import { SweepCharts } from './sweep-charts.tsx';
import { SweepQueue } from './sweep-queue.tsx';
import { SweepRuns } from './sweep-runs.tsx';
import { TraitWinners } from './trait-winners.tsx';

/** A sweep: its runs with what varies, their losses over each other, and the winner. */
export default function SweepScreen({ id }: { id: number }) {
  const { data, error } = useQuery(sweepQuery(id));
  if (!data)
    return (
      <Screen title={`Sweep ${id}`}>
        <Problem error={error} title="The sweep cannot be read" />
      </Screen>
    );
  const { name, status, winner, error_message, early_stop, rungs, runs, duplicates_dropped, max_concurrent_runs } =
    data;
  return (
    <Screen title={name} heading={<UserText inline>{name}</UserText>} actions={<Actions sweep={data} />}>
      <Group gap="sm">
        <StatusBadge status={status} />
        <Text size="sm">
          {count(runs.length)} runs, {count(max_concurrent_runs)} at a time.
          {early_stop && ` ${rungs.length} of ${early_stop.rungs.length} rungs are done.`}
          {duplicates_dropped > 0 && ` ${count(duplicates_dropped)} combinations were there already, and were dropped.`}
        </Text>
      </Group>
      <SweepQueue sweep={data} />
      {winner && (
        <Alert color="teal" title="The winner">
          <UserText>{winner.sentence}</UserText>
        </Alert>
      )}
      {error_message !== null && (
        <Alert color="red" title="It found none">
          <UserText>{error_message}</UserText>
        </Alert>
      )}
      <TraitWinners sweep={data} />
      <SweepRuns sweep={data} />
      <Mixtures sweep={data} />
      <SweepCharts sweep={data} />
    </Screen>
  );
}

const LABELS: Record<SweepAction, string> = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' };

function Actions({ sweep }: { sweep: Sweep }) {
  const { id, status } = sweep;
  const [, go] = useLocation();
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: async (action: SweepAction | 'delete') => {
      if (action !== 'delete') await actOnSweep(id, action);
      else {
        await deleteSweep(id);
        go('/sweeps');
      }
    },
    onSettled: () => queries.invalidateQueries({ queryKey: sweepsKey }),
  });
  const actions: SweepAction[] = [status === 'paused' ? 'resume' : 'pause', 'cancel'];
  const best: ChosenRun[] = ranked(sweep)
    .slice(0, MOST_COMPARED)
    .map((run) => ({ ...ownerOf(run), number: 1 }));
  return (
    <>
      {best.length > 1 && (
        <Button component={Link} href={comparisonOf(best)} size="sm" variant="default">
          {best.length === sweep.runs.length ? 'Compare' : `Compare the best ${best.length}`}
        </Button>
      )}
      <Allowed needs="trainer">
        {isOpenSweep(sweep) ? (
          actions.map((action) => (
            <Button key={action} size="sm" variant="default" disabled={isPending} onClick={() => mutate(action)}>
              {LABELS[action]}
            </Button>
          ))
        ) : (
          <Button size="sm" variant="default" disabled={isPending} onClick={() => mutate('delete')}>
            Delete, and keep its {sweep.project === null ? 'jobs' : 'projects'}
          </Button>
        )}
      </Allowed>
      <Problem error={error} />
    </>
  );
}
