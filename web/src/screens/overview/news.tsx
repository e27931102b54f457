import { Anchor, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { runListQuery } from '../../api/runs.ts';
import type { WorkerPool } from '../../api/types.ts';
import { count } from '../../parts/numbers.ts';
import { isAfter, When } from '../../parts/when.tsx';

/** Of so many the statuses are counted. */
const COUNTED = 100;
const STATUSES = ['completed', 'failed', 'cancelled'] as const;

/** What has happened since the viewer last looked, in a sentence; the tables below have it. */
export function News({ since, deaths }: { since: Date; deaths: WorkerPool['deaths'] }) {
  const { data } = useQuery(
    runListQuery({
      status: 'ended',
      completed_after: since.toISOString(),
      sort: '-completed_at',
      page_size: COUNTED,
    }),
  );
  const died = deaths.filter(({ at }) => isAfter(at, since)).length;
  return (
    <Text>
      You last looked <When at={since} />.{' '}
      {data && (
        <>
          {data.total === 0 ? (
            'No run has ended since.'
          ) : (
            <>
              Since then{' '}
              <Anchor href="#ended">
                {data.total === 1 ? '1 run has ended' : `${count(data.total)} runs have ended`}
              </Anchor>
              {data.total <= COUNTED && ` (${byStatus(data.items.map(({ status }) => status))})`}.
            </>
          )}
          {died > 0 && (
            <>
              {' '}
              <Anchor href="#deaths">{died === 1 ? '1 worker has died' : `${count(died)} workers have died`}</Anchor>.
            </>
          )}
        </>
      )}
    </Text>
  );
}

function byStatus(statuses: string[]): string {
  return STATUSES.flatMap((status) => {
    const own = statuses.filter((each) => each === status).length;
    return own === 0 ? [] : `${own} ${status}`;
  }).join(', ');
}
