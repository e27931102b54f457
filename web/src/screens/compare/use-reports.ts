import { useQueries } from '@tanstack/react-query';
import { reportQuery } from '../../api/runs.ts';
import type { Report } from '../../api/types.ts';
import type { Compared } from './use-compared.ts';

export interface RunReport {
  report: Report | null;
  error: Error | null;
  isPending: boolean;
}

/** The reports of these runs: those that have completed have one. */
export function useReports(runs: Compared[]): RunReport[] {
  const answers = useQueries({
    queries: runs.map(({ owner, run }) => ({
      ...reportQuery(owner, run.number),
      enabled: run.status === 'completed',
    })),
  });
  return answers.map(({ data, error, isLoading }) => ({ report: data ?? null, error, isPending: isLoading }));
}
