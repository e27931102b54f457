import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { isAtWork } from '../../api/at-work.ts';
import { planQuery } from '../../api/new-runs.ts';
import type { Plan } from '../../api/types.ts';
import { useModelState } from '../../parts/base-models/model-select.tsx';
import type { Draft, Ground } from './draft.ts';
import { type DraftProblem, problemsOf } from './problems.ts';
import { planRequestOf } from './request.ts';

const CHANGE_AFTER_MS = 400;

export interface PlanState {
  /** The last that was there. */
  plan: Plan | null;
  /** It is not that of the draft as it is now: another one is on its way. */
  isOld: boolean;
  /** Of the one on its way, where it takes long. */
  progressPercent: number | null;
  error: Error | null;
  /** Why there can be none yet. */
  problems: DraftProblem[];
  /** Whether tokens are counted: the model is there, and they are what it is trained on. */
  countsTokens: boolean;
}

/** What would come of a draft, worked out again whenever it changes. */
export function usePlan(draft: Draft, ground: Ground): PlanState {
  const [steady] = useDebouncedValue(draft, CHANGE_AFTER_MS);
  const { isUsable } = useModelState(steady.model);
  const countsTokens = isUsable === true && steady.type !== 'rag';
  const problems = problemsOf(draft, ground);
  const isPossible = problemsOf(steady, ground).length === 0;
  const isModelKnown = steady.model === '' || isUsable !== null;
  const { data, error, isPlaceholderData } = useQuery({
    ...planQuery(planRequestOf(steady, ground, countsTokens)),
    enabled: isPossible && isModelKnown,
    placeholderData: keepPreviousData,
  });
  const [last, setLast] = useState<Plan | null>(null);
  const plan = data === undefined || isAtWork(data) ? last : data;
  if (plan !== last) setLast(plan);
  const atWork = isAtWork(data) ? data : null;
  return {
    plan: isPossible ? plan : null,
    isOld: steady !== draft || isPlaceholderData || atWork !== null,
    progressPercent: atWork?.progress_percent ?? null,
    error: isPossible ? error : null,
    problems,
    countsTokens,
  };
}
