import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { runsKey } from '../../api/runs.ts';

interface Watched {
  /** Of no other run. */
  id: number | string;
  status: string;
}

/**
 * Reads what is shown of runs again when one came to another state. What is read every few seconds while a run is open was last read before its end: it
 * lacks the last steps, and the report.
 */
export function useReadingAtEnds(runs: Watched[]): void {
  const queries = useQueryClient();
  const before = useRef(new Map<number | string, string>());
  const states = runs.map(({ id, status }) => `${id} ${status}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `states` says when
  useEffect(() => {
    const hasChanged = runs.some(({ id, status }) => (before.current.get(id) ?? status) !== status);
    before.current = new Map(runs.map(({ id, status }) => [id, status]));
    if (hasChanged) void queries.invalidateQueries({ queryKey: runsKey });
  }, [queries, states]);
}
