import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type AtWork, isAtWork } from '../../../api/at-work.ts';
import { sweepPlanQuery } from '../../../api/sweeps.ts';
import type { SweepPlan } from '../../../api/types.ts';
import { missingIn, requestOf, type SweepDraft } from './draft.ts';

const CHANGE_AFTER_MS = 400;
/** A plan needs none, and the request does. */
const NAMELESS = 'Sweep';

export interface SweepPlanState {
  /** The last that was there. */
  plan: SweepPlan | null;
  /** Of the one on its way, where it takes long. */
  atWork: AtWork | null;
  /** It is not that of the draft as it is now: another one is on its way. */
  isOld: boolean;
  error: Error | null;
  missing: string[];
}

/** What would come of a draft, worked out again whenever it changes. */
export function useSweepPlan(draft: SweepDraft): SweepPlanState {
  const [steady] = useDebouncedValue(draft, CHANGE_AFTER_MS);
  const missing = missingIn(draft);
  const isPossible = missingIn(steady).length === 0;
  const named = steady.name.trim() === '' ? { ...steady, name: NAMELESS } : steady;
  const { data, error, isPlaceholderData } = useQuery({ ...sweepPlanQuery(requestOf(named)), enabled: isPossible });
  const [last, setLast] = useState<SweepPlan | null>(null);
  const plan = data === undefined || isAtWork(data) ? last : data;
  if (plan !== last) setLast(plan);
  const atWork = data !== undefined && isAtWork(data) ? data : null;
  return {
    plan: isPossible ? plan : null,
    atWork,
    isOld: steady !== draft || isPlaceholderData || atWork !== null,
    error: isPossible ? error : null,
    missing,
  };
}
