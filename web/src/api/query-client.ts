import { QueryCache, QueryClient } from '@tanstack/react-query';
import { ApiRefusal } from './client.ts';
import { connection } from './connection.ts';
import { sessionKey } from './session.ts';

/**
 * What was read is kept and shown until it was read again. `networkMode`: the service is on this machine or network, whatever
 * the browser thinks of the internet. Nothing is tried again by itself: `connection` knows when to.
 */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { networkMode: 'always', retry: false, staleTime: 1_000 },
    mutations: { networkMode: 'always', retry: false },
  },
  queryCache: new QueryCache({
    onError: (error) => {
      if (error instanceof ApiRefusal && error.status === 401)
        void queryClient.invalidateQueries({ queryKey: sessionKey });
    },
  }),
});

connection.onReturn = () => void queryClient.invalidateQueries();
