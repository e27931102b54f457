import { Alert } from '@mantine/core';
import { ApiAway } from '../api/client.ts';
import { UserText } from './user-text.tsx';

/** An error of the API as it is written: it holds the remedy. That the API is away stands above every screen already. */
export function Problem({ error, title = 'This did not work' }: { error: Error | null; title?: string }) {
  if (error === null || error instanceof ApiAway) return null;
  return (
    <Alert color="red" variant="light" title={title} role="alert">
      <UserText>{error.message}</UserText>
    </Alert>
  );
}
