import { planQuery } from '../../api/new-runs.ts';
import type { Plan } from '../../api/types.ts';
import { useModelState } from '../../parts/base-models/model-select.tsx';
import type { Draft, Ground } from './draft.ts';
import { type DraftProblem, problemsOf } from './problems.ts';
import { planRequestOf } from './request.ts';
import { useSteady, useWorkedOut, type WorkedOut } from './use-worked-out.ts';

export interface PlanState extends WorkedOut<Plan> {
  /** Why there can be none yet. */
  problems: DraftProblem[];
  /** Whether tokens are counted: the model is there, and they are what it is trained on. */
  countsTokens: boolean;
}

/** What would come of a draft, worked out again whenever it changes. */
export function usePlan(draft: Draft, ground: Ground): PlanState {
  const steady = useSteady(draft);
  const { isUsable } = useModelState(steady.model);
  const countsTokens = isUsable === true && steady.type !== 'rag';
  const worked = useWorkedOut(planQuery(planRequestOf(steady, ground, countsTokens)), {
    isPossible: problemsOf(steady, ground).length === 0,
    isReady: steady.model === '' || isUsable !== null,
    isSteady: steady === draft,
  });
  return { ...worked, problems: problemsOf(draft, ground), countsTokens };
}
