import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, type QueryKey, type UseQueryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type AtWork, isAtWork } from '../../api/at-work.ts';

const CHANGE_AFTER_MS = 400;

/** The plan of a draft. */
export interface WorkedOut<Plan> {
  /** The last that was there. */
  plan: Plan | null;
  /** It is not that of the draft as it is now: another one is on its way. */
  isOld: boolean;
  /** Of the one on its way, where it takes long. */
  progressPercent: number | null;
  error: Error | null;
}

/** The draft as it was when it had not changed for a moment: plans are of that. */
export function useSteady<Draft>(draft: Draft): Draft {
  return useDebouncedValue(draft, CHANGE_AFTER_MS)[0];
}

interface Conditions {
  /** There can be a plan of the draft. */
  isPossible: boolean;
  /** Nothing else has to be known before it is asked for. */
  isReady?: boolean;
  /** It is asked for the draft as it is now. */
  isSteady: boolean;
}

/** What comes of a plan's query, worked out again whenever that changes. */
export function useWorkedOut<Plan extends object, Key extends QueryKey>(
  query: UseQueryOptions<Plan | AtWork, Error, Plan | AtWork, Key>,
  { isPossible, isReady = true, isSteady }: Conditions,
): WorkedOut<Plan> {
  const { data, error, isPlaceholderData } = useQuery({
    ...query,
    enabled: isPossible && isReady,
    placeholderData: keepPreviousData,
  });
  const [last, setLast] = useState<Plan | null>(null);
  const plan = data === undefined || isAtWork(data) ? last : data;
  if (plan !== last) setLast(() => plan);
  const atWork = isAtWork(data) ? data : null;
  return {
    plan: isPossible ? plan : null,
    isOld: !isSteady || isPlaceholderData || atWork !== null,
    progressPercent: atWork?.progress_percent ?? null,
    error: isPossible ? error : null,
  };
}
