import { Anchor, SimpleGrid, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { runListQuery } from '../../api/runs.ts';
import { poolQuery } from '../../api/service.ts';
import type { ListedRun } from '../../api/types.ts';
import { useLastLooked } from '../../parts/last-looked.ts';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { RunRows } from '../../parts/runs/run-rows.tsx';
import { Screen } from '../../parts/screen.tsx';
import { Beginning } from './beginning.tsx';
import { Deaths } from './deaths.tsx';
import { News } from './news.tsx';
import { Parts } from './parts.tsx';
import { Pool } from './pool.tsx';
import { RunCard } from './run-card.tsx';

const OPEN_SHOWN = 100;
const LAST_SHOWN = 8;

/** What runs, what waits and why, who works, and what ended last. */
export default function Overview() {
  const open = useQuery(runListQuery({ status: 'open', page_size: OPEN_SHOWN, sort: 'id' }));
  const ended = useQuery(runListQuery({ status: 'ended', sort: '-completed_at', page_size: LAST_SHOWN }));
  const pool = useQuery(poolQuery);
  const since = useLastLooked();
  const running = open.data?.items.filter(({ status }) => status === 'running') ?? [];
  // In their order; those that are held, or are to begin later, have no place.
  const place = ({ queue_place }: ListedRun) => queue_place ?? Number.POSITIVE_INFINITY;
  const waiting = (open.data?.items.filter(({ status }) => status !== 'running') ?? []).toSorted((a, b) =>
    place(a) === place(b) ? 0 : place(a) - place(b),
  );
  const isEmpty = open.data?.total === 0 && ended.data?.total === 0;
  return (
    <Screen title={running.length > 0 ? `${running.length} running` : 'Overview'} heading="Overview">
      <Problem error={open.error ?? ended.error} title="The runs cannot be read" />
      {since !== null && !isEmpty && <News since={since} deaths={pool.data?.deaths ?? []} />}
      {isEmpty && <Beginning />}
      {running.length > 0 && (
        <Stack component="section" aria-labelledby="running" gap="sm">
          <Title order={2} size="h4" id="running">
            Running
          </Title>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            {running.map((run) => (
              <RunCard key={run.id} run={run} />
            ))}
          </SimpleGrid>
        </Stack>
      )}
      {waiting.length > 0 && (
        <Stack component="section" aria-labelledby="waiting" gap="sm">
          <Title order={2} size="h4" id="waiting">
            Waiting
          </Title>
          <RunRows runs={waiting} time="created_at" caption="Runs that wait, and why" />
          {(open.data?.total ?? 0) > OPEN_SHOWN && (
            <Anchor component={Link} href="/runs?status=open">
              All {count(open.data?.total)} runs that have not ended
            </Anchor>
          )}
        </Stack>
      )}
      <Pool hasWaiting={waiting.length > 0} />
      {(ended.data?.items.length ?? 0) > 0 && (
        <Stack component="section" aria-labelledby="ended" gap="sm">
          <Title order={2} size="h4" id="ended">
            Ended last
          </Title>
          <RunRows runs={ended.data?.items ?? []} time="completed_at" caption="Runs that ended last" newSince={since} />
          <Anchor component={Link} href="/runs">
            All runs
          </Anchor>
        </Stack>
      )}
      {pool.data && <Deaths deaths={pool.data.deaths} />}
      <Parts />
    </Screen>
  );
}
