import { newKey } from '../../../api/idempotency.ts';
import type { RequestFields } from '../../../api/request-fields.ts';
import type { TraitType } from '../../../parts/plan/traits.ts';
import type { ShareDraft, TraitDraft } from '../draft.ts';
import { placesInTraits } from '../problems.ts';
import { chosenOf } from '../request.ts';
import { WHOLE } from '../shares.ts';
import { leftOutOr, readValue } from './values.ts';

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
      const left = whatIsLeft(shares, percentages);
      return {
        trait_type: type,
        ...leftOutOr('weight', traits.length > 1 ? (weights[type] ?? '') : ''),
        datasets: shares.map(({ key, datasetId, filters: texts }) => {
          const typed = typedOf(shares, key, percentages);
          const chosen = chosenOf(texts, filters);
          return {
            dataset_id: datasetId,
            percentage: typed === '' ? (left.get(key) ?? 0) : readValue(typed),
            ...(Object.keys(chosen).length === 0 ? {} : { filters: chosen }),
          };
        }),
      };
    }),
  };
}

/** What each dataset without a typed percentage gets: an equal part of what the others leave of 100 %, in whole thousandths. By their keys. */
export function whatIsLeft(shares: ShareDraft[], percentages: MixtureDraft['percentages']): Map<string, number> {
  const empty = shares.filter(({ key }) => typedOf(shares, key, percentages) === '');
  const typed = shares.reduce(
    (sum, { key }) => sum + (Math.round(Number(typedOf(shares, key, percentages)) * 1000) || 0),
    0,
  );
  const rest = Math.max(0, WHOLE - typed);
  const each = Math.floor(rest / empty.length);
  const over = rest - each * empty.length;
  return new Map(empty.map(({ key }, nth) => [key, (each + (nth < over ? 1 : 0)) / 1000]));
}

/** One dataset alone has all of its trait, whatever was typed while there were others: there is no field for it. */
function typedOf(shares: ShareDraft[], key: string, percentages: MixtureDraft['percentages']): string {
  return shares.length > 1 ? (percentages[key]?.trim() ?? '') : '';
}

/** Which field of which mixture a refusal is about: its sentence names it, or the combination which has it. Null: none. */
export function placeInMixtures(
  refusal: string,
  { mixtures, traits }: { mixtures: MixtureDraft[]; traits: TraitDraft[] },
): string | null {
  const [, nth, rest = ''] = /^search\.mixtures\.(\d+)\.?(\S*)/.exec(refusal) ?? [];
  const mixture = nth === undefined ? mixtureNamedIn(refusal, mixtures) : mixtures[Number(nth)];
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

/** Combination 2 (mixture more code, lora_r 8): one name may begin another. */
function mixtureNamedIn(refusal: string, mixtures: MixtureDraft[]): MixtureDraft | undefined {
  const [, settings] = /^Combination \d+ \(mixture (.*)/s.exec(refusal) ?? [];
  return mixtures
    .filter(({ name }) => settings?.startsWith(`${name.trim()})`) || settings?.startsWith(`${name.trim()}, `))
    .sort((a, b) => b.name.length - a.name.length)[0];
}
