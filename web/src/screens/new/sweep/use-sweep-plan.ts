import type { RequestFields } from '../../../api/request-fields.ts';
import { sweepPlanQuery } from '../../../api/sweeps.ts';
import type { SweepPlan } from '../../../api/types.ts';
import { useSteady, useWorkedOut, type WorkedOut } from '../use-worked-out.ts';
import { missingIn, requestOf, type SweepDraft } from './draft.ts';

/** A plan needs none, and the request does. */
const NAMELESS = 'Sweep';

export interface SweepPlanState extends WorkedOut<SweepPlan> {
  missing: string[];
}

/** What would come of a draft, worked out again whenever it changes. `filters`: as `missingIn` takes them. */
export function useSweepPlan(draft: SweepDraft, filters: RequestFields): SweepPlanState {
  const steady = useSteady(draft);
  const named = steady.name.trim() === '' ? { ...steady, name: NAMELESS } : steady;
  const worked = useWorkedOut(sweepPlanQuery(requestOf(named, filters)), {
    isPossible: missingIn(steady, filters).length === 0,
    isSteady: steady === draft,
  });
  return { ...worked, missing: missingIn(draft, filters) };
}
