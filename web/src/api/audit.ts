import { infiniteQueryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

export type AuditRow = components['schemas']['AuditRow'];
export const OUTCOMES = ['done', 'refused', 'failed', 'unknown'] as const satisfies AuditRow['outcome'][];

/** Which rows are wanted; an empty text: all. */
export interface AuditFilter {
  who: string;
  entity: string;
  entity_id: string;
  outcome: AuditRow['outcome'] | '';
  since: string;
  until: string;
}

const PAGE_SIZE = 50;

/** Who changed what, newest first, a page after the other. */
export function auditQuery(filter: AuditFilter) {
  const asked = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
  return infiniteQueryOptions({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam }) =>
      bodyOf(
        client.GET('/api/v1/audit/', {
          params: { query: { ...asked, limit: PAGE_SIZE, ...(pageParam === '' ? {} : { after: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
  });
}
