import { newKey } from '../../../api/idempotency.ts';
import type { RequestFields } from '../../../api/request-fields.ts';
import type { TraitType } from '../../../parts/plan/traits.ts';
import type { ShareDraft, TraitDraft } from '../draft.ts';
import { placesInTraits } from '../problems.ts';
import { chosenOf } from '../request.ts';
import { namedByCombination, percentagesOf } from './percentages.ts';
import { leftOutOr } from './values.ts';

/** The same datasets as all mixtures of a sweep have, in shares of its own. Numbers as they are typed. */
export interface MixtureDraft {
  /** Of this mixture alone, whatever its name. */
  key: string;
  name: string;
  weights: Partial<Record<TraitType, string>>;
  /** Of each dataset, by the key of its line. */
  percentages: Record<string, string>;
}

export function newMixture(): MixtureDraft {
  return { key: newKey(), name: '', weights: {}, percentages: {} };
}

/** A mixture as it is asked for. What is no number goes out as it was typed: the service says what is wrong with it. */
export function mixtureOf({ name, weights, percentages }: MixtureDraft, traits: TraitDraft[], filters: RequestFields) {
  return {
    name: name.trim(),
    traits: traits.map(({ type, shares }) => {
      const taken = percentagesOf(
        shares.map(({ key }) => key),
        percentages,
      );
      return {
        trait_type: type,
        ...leftOutOr('weight', traits.length > 1 ? (weights[type] ?? '') : ''),
        datasets: shares.map(({ datasetId, filters: texts }, nth) => {
          const chosen = chosenOf(texts, filters);
          return {
            dataset_id: datasetId,
            percentage: taken[nth],
            ...(Object.keys(chosen).length === 0 ? {} : { filters: chosen }),
          };
        }),
      };
    }),
  };
}

/** Which field of which mixture a refusal is about: its sentence names it, or the combination which has it. Null: none. */
export function placeInMixtures(
  refusal: string,
  { mixtures, traits }: { mixtures: MixtureDraft[]; traits: TraitDraft[] },
): string | null {
  const [, nth, rest = ''] = /^search\.mixtures\.(\d+)\.?(\S*)/.exec(refusal) ?? [];
  const names = mixtures.map(({ name }) => name.trim());
  const mixture = mixtures[nth === undefined ? namedByCombination(refusal, names) : Number(nth)];
  if (mixture === undefined) return null;
  const place = `mixture ${mixture.key}`;
  if (nth === undefined) return place;
  if (rest === 'name') return `${place} name`;
  const [, traitIndex, datasetIndex] = /^traits\.(\d+)(?:\.datasets\.(\d+))?/.exec(rest) ?? [];
  const trait = traits[Number(traitIndex)];
  const share = trait?.shares[Number(datasetIndex)] ?? shareIn(refusal, traits);
  if (share !== undefined) return `${place} ${share.key}`;
  return trait === undefined ? place : `${place} ${trait.type}`;
}

/** The dataset that a sentence about a mixture names. */
function shareIn(refusal: string, traits: TraitDraft[]): ShareDraft | undefined {
  const places = placesInTraits(refusal, traits);
  return traits.flatMap(({ shares }) => shares).find(({ key }) => places.includes(`share ${key}`));
}
