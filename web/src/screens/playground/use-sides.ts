import { useQuery } from '@tanstack/react-query';
import { modelNamesQuery } from '../../api/playground.ts';
import { checkpointsQuery } from '../../api/runs.ts';
import type { Run, RunOwner } from '../../api/types.ts';
import { useParam } from '../../parts/address.ts';

export interface Sides {
  left: string;
  right: string;
}

export interface NamedModels {
  group: string;
  items: string[];
}

/** The two models in the address: by itself the base of a run against what the run made. And those that can be chosen. */
export function useSides(owner: RunOwner, run: Run, base: string): { sides: Sides; choices: NamedModels[] } {
  const { data: names = [] } = useQuery(modelNamesQuery);
  const { data: checkpoints } = useQuery(checkpointsQuery(owner, run.number));
  const kept = (checkpoints?.items ?? [])
    .filter(({ state }) => state === 'complete')
    .map(({ step }) => `${run.workflow_id}:ckpt-step-${step}`);
  const tuned = run.status === 'completed' ? [run.workflow_id] : [];
  const sides = {
    left: useParam('left') || base,
    right: useParam('right') || (tuned[0] ?? kept[0] ?? run.workflow_id),
  };
  const ofRun = [...new Set([base, ...tuned, ...kept])];
  const others = names.filter((name) => !ofRun.includes(name));
  const typed = [...new Set([sides.left, sides.right])].filter((name) => ![...ofRun, ...others].includes(name));
  const choices = [
    { group: 'This run and its base', items: ofRun },
    { group: 'Other models', items: [...new Set(others)] },
    { group: 'By the address', items: typed },
  ];
  return { sides, choices: choices.filter(({ items }) => items.length > 0) };
}

/** What a model is to a run, where it is something. */
export function roleOf(name: string, run: Run, base: string): string | null {
  if (name === base) return 'Base model';
  if (name === run.workflow_id) return 'Tuned model';
  return name.startsWith(`${run.workflow_id}:ckpt-step-`) ? 'Checkpoint' : null;
}
