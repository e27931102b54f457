import type { RequestFields } from '../../../api/request-fields.ts';
import type { SweepCreate } from '../../../api/types.ts';
import { AS_ITS_TURN_COMES, problemsOfWhen, type WhenDraft, whenOf } from '../../../parts/queue/when.ts';
import type { TrackerName } from '../../../parts/trackers/tracker-fields.tsx';
import { type Kind, newShare, type TrainingType, type TraitDraft } from '../draft.ts';
import { placesInTraits, problemsOfTraits } from '../problems.ts';
import { type MixtureDraft, mixtureOf, newMixture, placeInMixtures } from './mixtures.ts';
import { leftOutOr, listOf, type Method, valuesOf } from './values.ts';

/** A hyperparameter with the values to try, as they are typed: `0.0001, 0.001`, or of a random search `0.0001 to 0.01 log`. */
export interface SweptField {
  name: string;
  values: string;
}

/** A sweep as the form has it. Numbers as they are typed; '' leaves them out. */
export interface SweepDraft {
  /** Whether each run is a job, or a project with a mixture. */
  of: Kind;
  name: string;
  /** Of jobs. */
  datasetId: number | null;
  /** Of projects: which datasets each mixture has, without shares and weights, which each has of its own. */
  traits: TraitDraft[];
  mixtures: MixtureDraft[];
  maxRows: string;
  outputDirectory: string;
  model: string;
  type: TrainingType;
  maxSteps: string;
  method: Method;
  runs: string;
  fields: SweptField[];
  rungs: string;
  atATime: string;
  /** Of each run, as is the next one. */
  trackers: TrackerName[];
  when: WhenDraft;
}

export const EMPTY: SweepDraft = {
  of: 'job',
  name: '',
  datasetId: null,
  traits: [{ type: 'general_tools', weight: '', shares: [newShare()] }],
  mixtures: [newMixture(), newMixture()],
  maxRows: '',
  outputDirectory: '',
  model: '',
  type: 'qlora',
  maxSteps: '',
  method: 'grid',
  runs: '8',
  fields: [{ name: 'learning_rate', values: '0.0001, 0.0002, 0.0005' }],
  rungs: '',
  atATime: '1',
  trackers: [],
  when: AS_ITS_TURN_COMES,
};

/** Beside mixtures. */
const EMPTY_BESIDE: SweptField[] = [{ name: 'learning_rate', values: '' }];

/** The draft of the other kind: mixtures are enough to vary, so nothing is tried beside them that nobody typed. */
export function turnedTo(of: Kind, { fields }: SweepDraft): Partial<SweepDraft> {
  const isTouched = fields !== EMPTY.fields && fields !== EMPTY_BESIDE;
  return isTouched ? { of } : { of, fields: of === 'job' ? EMPTY.fields : EMPTY_BESIDE };
}

/**
 * What has to be there before the service is asked, as sentences. All else it says itself.
 * @param filters which rows of a dataset may be left out
 */
export function missingIn(
  { of, datasetId, fields, traits, mixtures, when }: SweepDraft,
  filters: RequestFields,
): string[] {
  const varies = fields.some(({ values }) => values.trim() !== '');
  const wrong = problemsOfWhen(when).map(({ sentence }) => sentence);
  if (of === 'job')
    return [
      ...(datasetId === null ? ['Choose a dataset.'] : []),
      ...(varies ? [] : ['Give a hyperparameter with the values to try.']),
      ...wrong,
    ];
  return [
    ...problemsOfTraits(traits, { filters }).map(({ sentence }) => sentence),
    ...mixtures.flatMap(({ name }, nth) => (name.trim() === '' ? [`Give mixture ${nth + 1} a name.`] : [])),
    ...(varies || mixtures.length > 1 ? [] : ['Add a mixture, or give a hyperparameter with the values to try.']),
    ...wrong,
  ];
}

/**
 * The request of a draft in which nothing is missing. What is no value of a field goes out as it was typed: the service names the field,
 * the value and the remedy.
 */
export function requestOf(draft: SweepDraft, filters: RequestFields): SweepCreate {
  const { of, name, model, type, maxSteps, method, runs, fields, rungs, atATime } = draft;
  const varied = fields.filter(({ values }) => values.trim() !== '');
  const hyperparameters = Object.fromEntries(varied.map((field) => [field.name, valuesOf(field.values, method)]));
  const common = {
    training_type: type,
    ...leftOutOr('max_steps', maxSteps),
    ...(draft.trackers.length === 0 ? {} : { trackers: draft.trackers }),
    ...whenOf(draft.when),
  };
  const base: Record<string, unknown> =
    of === 'job'
      ? { job: { dataset_id: draft.datasetId, ...(model === '' ? {} : { model_name: model }), ...common } }
      : { project: { ...(model === '' ? {} : { base_model: model }), ...common, ...ofProjects(draft) } };
  const body = {
    name: name.trim(),
    ...base,
    search: {
      method,
      ...(method === 'random' ? leftOutOr('runs', runs) : {}),
      ...(of === 'job' || varied.length > 0 ? { hyperparameters } : {}),
      ...(of === 'job' ? {} : { mixtures: draft.mixtures.map((each) => mixtureOf(each, draft.traits, filters)) }),
    },
    ...(rungs.trim() === '' ? {} : { early_stop: { method: 'halving', rungs: listOf(rungs) } }),
    ...leftOutOr('max_concurrent_runs', atATime),
  };
  return body as SweepCreate;
}

/** Losses of two mixtures compare where the same rows are held out of both. */
function ofProjects({ maxRows, outputDirectory }: SweepDraft) {
  return {
    ...leftOutOr('max_rows', maxRows),
    ...(outputDirectory.trim() === '' ? {} : { output_directory: outputDirectory.trim() }),
    mixing: { held_out: 'fixed' },
  };
}

const PLACES: [RegExp, string][] = [
  [/^search\.hyperparameters\.(\w+)/, 'field'],
  [/^early_stop\b/, 'rungs'],
  [/^max_concurrent_runs\b/, 'atATime'],
  [/^search\.runs\b/, 'runs'],
  [/^(job\.)?dataset_id\b|^Dataset \d/, 'datasetId'],
  [/^(job\.model_name|project\.base_model)\b/, 'model'],
  [/^(job|project)\.training_type\b/, 'type'],
  [/^(job|project)\.max_steps\b/, 'maxSteps'],
  [/^project\.max_rows\b/, 'maxRows'],
  [/^(project\.)?output_directory\b/, 'outputDirectory'],
  [/^(job|project)\.priority\b/, 'priority'],
  [/^(job|project)\.not_before\b/, 'not_before'],
  [/^((job|project)\.)?after\b/, 'after'],
  [/^((job|project)\.)?trackers\b/, 'trackers'],
  [/^name\b/, 'name'],
  [/^search\b|^Combination \d/, 'fields'],
];

/** The fields that a refusal is about: its sentence begins with one. Of a hyperparameter `field learning_rate`. Empty: none of the form. */
export function placesIn(refusal: string, draft: SweepDraft): string[] {
  if (draft.of === 'project') {
    const inMixtures = placeInMixtures(refusal, draft);
    if (inMixtures !== null) return [inMixtures];
    const inTraits = placesInTraits(refusal, draft.traits);
    if (inTraits.length > 0) return inTraits;
  }
  for (const [pattern, place] of PLACES) {
    const found = pattern.exec(refusal);
    if (found) return [place === 'field' ? `field ${found[1]}` : place];
  }
  return [];
}
