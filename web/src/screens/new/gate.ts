import { newKey } from '../../api/idempotency.ts';
import type { Project } from '../../api/types.ts';
import type { TraitType } from '../../parts/plan/traits.ts';

type Gate = NonNullable<Project['gate']>;
type Condition = Gate['conditions'][number];

/** One thing that must hold before a model is promoted, as it was chosen and typed. */
export interface ConditionDraft {
  /** Of this line alone. */
  key: string;
  against: Condition['against'];
  metric: Condition['metric'];
  bound: 'no_worse_by' | 'better_by';
  by: string;
  /** None: each of the project. */
  traits: TraitType[];
  anyTrait: boolean;
}

export function newCondition(): ConditionDraft {
  return {
    key: newKey(),
    against: 'base',
    metric: 'loss',
    bound: 'no_worse_by',
    by: '0.02',
    traits: [],
    anyTrait: false,
  };
}

export function conditionsOf(gate: Gate | null): ConditionDraft[] {
  return (gate?.conditions ?? []).map(
    ({ against, metric, no_worse_by, better_by, traits = [], any_trait = false }) => ({
      ...{ key: newKey(), against, metric, traits, anyTrait: any_trait },
      bound: better_by === undefined ? 'no_worse_by' : 'better_by',
      by: String(better_by ?? no_worse_by ?? ''),
    }),
  );
}

/** Undefined: there is no condition. */
export function gateOf(conditions: ConditionDraft[]): Gate | undefined {
  if (conditions.length === 0) return undefined;
  return {
    conditions: conditions.map(({ against, metric, bound, by, traits, anyTrait }) => ({
      ...{ against, metric, [bound]: Number(by) },
      ...(traits.length > 0 ? { traits } : {}),
      ...(anyTrait && bound === 'better_by' ? { any_trait: true } : {}),
    })),
  };
}

/** Why a condition cannot be sent as it is; null: it can. */
export function problemOf({ by }: ConditionDraft): string | null {
  const number = Number(by);
  if (by.trim() !== '' && number >= 0 && number <= 100) return null;
  return `The bound of the gate is ${by.trim() === '' ? 'empty' : by}. Write a number from 0 to 100, such as 0.02.`;
}
