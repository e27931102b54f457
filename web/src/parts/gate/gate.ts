import { newKey } from '../../api/idempotency.ts';
import type { Gate } from '../../api/versions.ts';
import { TRAITS, type TraitType } from '../plan/traits.ts';

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

/** How its parts are called, in a form and in a sentence. */
export const METRICS: Record<Condition['metric'], string> = { loss: 'the held-out loss', score: 'the score' };
export const BOUNDS: Record<ConditionDraft['bound'], string> = {
  no_worse_by: 'no worse by more than',
  better_by: 'better by more than',
};
export const AGAINST: Record<Condition['against'], string> = { base: 'the base model', current: 'the current version' };

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

/** What must hold, in a sentence. */
export function sentenceOf({ metric, bound, by, against, traits, anyTrait }: ConditionDraft): string {
  const named = traits.map((trait) => TRAITS[trait].label).join(', ');
  const where = anyTrait ? `one of ${named || 'the traits'} at least` : named || 'each trait';
  const what = METRICS[metric];
  return `${what[0]?.toUpperCase()}${what.slice(1)} must be ${BOUNDS[bound]} ${by} than that of ${AGAINST[against]}, on ${where}.`;
}

/** The condition that a sentence of the API is about, which names it by its place. */
export function conditionIn(detail: string, conditions: ConditionDraft[]): ConditionDraft | undefined {
  const [, place] = /\b(?:gate\.|at )conditions[[.](\d+)/.exec(detail) ?? [];
  return place === undefined ? undefined : conditions[Number(place)];
}
