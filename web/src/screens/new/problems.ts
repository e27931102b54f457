import type { RequestFields } from '../../api/request-fields.ts';
import { readField } from '../../parts/fields/values.ts';
import { type ConditionDraft, conditionIn, problemOf } from '../../parts/gate/gate.ts';
import { TRAITS } from '../../parts/plan/traits.ts';
import { problemsOfWhen } from '../../parts/queue/when.ts';
import type { Draft, FollowingDraft, Ground, TraitDraft } from './draft.ts';

/** Why a draft cannot be sent, or planned, as it is. */
export interface DraftProblem {
  /** What on the page it is about; see `placesIn`. */
  place: string;
  sentence: string;
  /** Nothing is wrong yet: something is still to be chosen. Said beside its field once somebody wanted to go on. */
  isMissing: boolean;
}

/** What the rules of the API say that needs no asking: the rest, it says itself. */
export function problemsOf(draft: Draft, ground: Ground): DraftProblem[] {
  const numbers = [
    ...wrongValues(draft.hyperparameters, ground.hyperparameters),
    ...(draft.kind === 'job' || draft.startsNow ? problemsOfWhen(draft.when) : []).map(({ place, sentence }) =>
      wrong(place, sentence),
    ),
  ];
  if (draft.kind === 'job')
    return [
      ...(draft.datasetId === null ? [missing('dataset', 'Choose a dataset.')] : []),
      ...(draft.datasetId !== null && draft.datasetId === draft.validationDatasetId && draft.type !== 'rag'
        ? [
            wrong(
              'validation dataset',
              `Dataset ${draft.datasetId} is trained on: validate with another one, or with none.`,
            ),
          ]
        : []),
      ...numbers,
    ];
  return [
    ...problemsOfTraits(draft.traits, ground),
    ...wrongValues({ max_rows: draft.maxRows }, ground.fields),
    ...wrongValues(draft.mixing, ground.mixing),
    ...numbers,
    ...(draft.type === 'rag' ? [] : draft.gate.flatMap(problemsOfCondition)),
    ...(draft.type === 'rag' || draft.followedBy === null ? [] : problemsOfSecond(draft.followedBy, ground)),
  ];
}

/** Where in the second part a place is: it has the fields of the first. */
export const inSecond = (place: string): string => `second ${place}`;

function problemsOfSecond({ traits, maxRows, hyperparameters }: FollowingDraft, ground: Ground): DraftProblem[] {
  const found = [
    ...(traits === null ? [] : problemsOfTraits(traits, ground)),
    ...wrongValues({ max_rows: maxRows }, ground.fields),
    ...wrongValues(hyperparameters, ground.hyperparameters),
  ];
  return found.map(({ place, sentence, isMissing }) => ({
    ...{ place: inSecond(place), isMissing },
    sentence: `Second part: ${sentence}`,
  }));
}

/** What is wrong with traits, or missing. */
export function problemsOfTraits(traits: TraitDraft[], { filters }: Pick<Ground, 'filters'>): DraftProblem[] {
  return [
    ...(traits.length === 0 ? [missing('traits', 'Choose at least one trait.')] : []),
    ...traits.flatMap((trait) => problemsOfTrait(trait, filters)),
    ...twice(traits),
  ];
}

function problemsOfCondition(condition: ConditionDraft): DraftProblem[] {
  const sentence = problemOf(condition);
  return sentence === null ? [] : [wrong(`gate ${condition.key}`, sentence)];
}

function problemsOfTrait({ type, weight, shares }: TraitDraft, filters: RequestFields): DraftProblem[] {
  const { label, isSingle } = TRAITS[type];
  const isMany = isSingle && shares.length > 1;
  return [
    ...(isMany ? [wrong(`trait ${type}`, `${label} has ${shares.length} datasets, and takes exactly one.`)] : []),
    ...shares
      .filter(({ datasetId }) => datasetId === null)
      .map(({ key }) => missing(`share ${key}`, `Choose a dataset for ${label}.`)),
    ...(Number.isNaN(Number(weight))
      ? [wrong(`trait ${type}`, `The weight of ${label} is ${weight}, which is no number.`)]
      : []),
    ...shares.flatMap((share) => wrongValues(share.filters, filters)),
  ];
}

/** A project takes a dataset once. */
function twice(traits: TraitDraft[]): DraftProblem[] {
  const first = new Map<number, string>();
  return traits.flatMap(({ type, shares }) =>
    shares.flatMap(({ key, datasetId }) => {
      if (datasetId === null) return [];
      const earlier = first.get(datasetId);
      first.set(datasetId, earlier ?? TRAITS[type].label);
      if (earlier === undefined) return [];
      return [wrong(`share ${key}`, `Dataset ${datasetId} is in ${earlier} already: a project takes a dataset once.`)];
    }),
  );
}

function wrongValues(texts: Record<string, string>, fields: RequestFields): DraftProblem[] {
  return Object.entries(texts).flatMap(([name, text]) => {
    const field = fields[name];
    if (field === undefined) return [wrong(name, `${name} is no setting of this version of the service. Begin anew.`)];
    const read = readField(field, text);
    return read !== null && 'problem' in read ? [wrong(name, read.problem)] : [];
  });
}

const missing = (place: string, sentence: string): DraftProblem => ({ place, sentence, isMissing: true });
const wrong = (place: string, sentence: string): DraftProblem => ({ place, sentence, isMissing: false });

/** What on the page a sentence of the API is about: it names fields, datasets and traits. */
export function placesIn(detail: string, draft: Draft): string[] {
  if (draft.followedBy !== null && detail.startsWith('followed_by: ')) return placesInSecond(detail, draft.followedBy);
  const { hyperparameters, mixing, datasetId, validationDatasetId } = draft;
  const fields = ['name', 'description', 'embedding_model', 'max_rows', 'output_directory', 'priority', 'not_before'];
  const condition = conditionIn(detail, draft.gate);
  return [
    ...namedIn(detail, [...fields, ...Object.keys(hyperparameters), ...Object.keys(mixing)]),
    ...(draft.model !== '' && detail.includes(draft.model) ? ['model'] : []),
    ...(detail.startsWith('after') ? ['after'] : []),
    ...(detail.startsWith('trackers') ? ['trackers'] : []),
    ...(condition === undefined ? [] : [`gate ${condition.key}`]),
    ...(isAbout(detail, datasetId) ? ['dataset'] : []),
    ...(isAbout(detail, validationDatasetId) ? ['validation dataset'] : []),
    ...placesInTraits(detail, draft.traits),
  ];
}

function placesInSecond(detail: string, { traits, hyperparameters }: FollowingDraft): string[] {
  const names = namedIn(detail, ['max_rows', ...Object.keys(hyperparameters)]);
  return [...names, ...placesInTraits(detail, traits ?? [])].map(inSecond);
}

/** Where in traits a sentence of the API is about. */
export function placesInTraits(detail: string, traits: TraitDraft[]): string[] {
  return traits.flatMap(({ type, shares }) => [
    ...(detail.includes(`trait ${type} `) ? [`trait ${type}`] : []),
    ...shares.filter(({ datasetId }) => isAbout(detail, datasetId)).map(({ key }) => `share ${key}`),
  ]);
}

function namedIn(detail: string, names: string[]): string[] {
  return names.filter((name) => new RegExp(`(^|[ .])${name} (is |")`).test(detail));
}

function isAbout(detail: string, datasetId: number | null): boolean {
  return datasetId !== null && new RegExp(`dataset(_id)? ${datasetId}\\b`, 'i').test(detail);
}
