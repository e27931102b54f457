import { Loader } from '@mantine/core';
import { useIsFetching } from '@tanstack/react-query';

/** Says that something is awaited that was not there yet; after a moment, since most of it is there by then. */
export function Loading() {
  const awaited = useIsFetching({ predicate: ({ state }) => state.status === 'pending' });
  return awaited === 0 ? null : <Loader className="late" size="sm" role="status" aria-label="Loading" />;
}
