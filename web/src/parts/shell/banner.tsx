import { Alert } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { connection } from '../../api/connection.ts';
import { healthQuery } from '../../api/service.ts';
import { When } from '../when.tsx';

const REMEDIES = {
  database:
    'PostgreSQL does not answer. Nothing can be read or started until it does; trainings that run go on, and what they tell is kept. Start it again, or look at its log.',
  temporal:
    'Temporal does not answer. What was asked for is kept, and begins when it is there again; trainings that run go on. Start it again, or look at its log.',
} as const;

/** Says above every screen what is away, and what that means. Present from the beginning, so that a reader for the blind hears it change. */
export function Banner() {
  const lostAt = useSyncExternalStore(connection.subscribe, () => connection.lostAt);
  const { data: health } = useQuery({ ...healthQuery, enabled: lostAt === null });
  const away = (['database', 'temporal'] as const).filter((part) => health?.components[part] === 'down');
  return (
    <div role="status">
      {lostAt !== null && (
        <Alert color="yellow" variant="light" title="The service does not answer" mb="md">
          What is shown is from before (<When at={lostAt} />
          ). Runs go on without this page; it asks again by itself. If it stays away, start the service: npm start.
        </Alert>
      )}
      {lostAt === null &&
        away.map((part) => (
          <Alert
            key={part}
            color="yellow"
            variant="light"
            title={`${part === 'database' ? 'The database' : 'Temporal'} is away`}
            mb="md"
          >
            {REMEDIES[part]}
          </Alert>
        ))}
    </div>
  );
}
