import { Loader } from '@mantine/core';
import { useIsFetching } from '@tanstack/react-query';

/** Says that something is awaited; after a moment, since most of it is there by then. */
export function Loading() {
  return <Loader className="late" size="sm" role="status" aria-label="Loading" />;
}

/** The same while any answer is awaited that was not there yet. */
export function LoadingAnswers() {
  const awaited = useIsFetching({ predicate: ({ state }) => state.status === 'pending' });
  return awaited === 0 ? null : <Loading />;
}
