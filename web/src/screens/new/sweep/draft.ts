import type { SweepCreate } from '../../../api/types.ts';
import type { TrainingType } from '../draft.ts';

/** A hyperparameter with the values to try, as they are typed: `0.0001, 0.001`, or of a random search `0.0001 to 0.01 log`. */
export interface SweptField {
  name: string;
  values: string;
}

/** A sweep as the form has it. Numbers as they are typed; '' leaves them out. */
export interface SweepDraft {
  name: string;
  datasetId: number | null;
  model: string;
  type: TrainingType;
  maxSteps: string;
  method: 'grid' | 'random';
  runs: string;
  fields: SweptField[];
  rungs: string;
  atATime: string;
}

export const EMPTY: SweepDraft = {
  name: '',
  datasetId: null,
  model: '',
  type: 'qlora',
  maxSteps: '',
  method: 'grid',
  runs: '8',
  fields: [{ name: 'learning_rate', values: '0.0001, 0.0002, 0.0005' }],
  rungs: '',
  atATime: '1',
};

/** What has to be there before the service is asked, as sentences. All else it says itself. */
export function missingIn({ datasetId, fields }: SweepDraft): string[] {
  return [
    ...(datasetId === null ? ['Choose a dataset.'] : []),
    ...(fields.some(({ values }) => values.trim() !== '') ? [] : ['Give a hyperparameter with the values to try.']),
  ];
}

/**
 * The request of a draft in which nothing is missing. What is no value of a field goes out as it was typed: the service names the field,
 * the value and the remedy.
 */
export function requestOf(draft: SweepDraft): SweepCreate {
  const { name, datasetId, model, type, maxSteps, method, runs, fields, rungs, atATime } = draft;
  const hyperparameters = Object.fromEntries(
    fields.filter(({ values }) => values.trim() !== '').map((field) => [field.name, valuesOf(field.values, method)]),
  );
  const body = {
    name: name.trim(),
    job: {
      dataset_id: datasetId,
      training_type: type,
      ...(model === '' ? {} : { model_name: model }),
      ...leftOutOr('max_steps', maxSteps),
    },
    search: { method, ...(method === 'random' ? leftOutOr('runs', runs) : {}), hyperparameters },
    ...(rungs.trim() === '' ? {} : { early_stop: { method: 'halving', rungs: listOf(rungs) } }),
    ...leftOutOr('max_concurrent_runs', atATime),
  };
  return body as SweepCreate;
}

const RANGE = /^(\S+) to (\S+?)( log)?$/;

function valuesOf(text: string, method: SweepDraft['method']): unknown {
  const [, min, max, log] = RANGE.exec(text.trim()) ?? [];
  if (method === 'grid' || min === undefined || max === undefined) return listOf(text);
  return { min: readValue(min), max: readValue(max), ...(log === undefined ? {} : { scale: 'log' }) };
}

function listOf(text: string): unknown[] {
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [readValue(part.trim())]));
}

function readValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function leftOutOr(name: string, text: string): Record<string, unknown> {
  return text.trim() === '' ? {} : { [name]: readValue(text.trim()) };
}

const PLACES: [RegExp, string][] = [
  [/^search\.hyperparameters\.(\w+)/, 'field'],
  [/^early_stop\b/, 'rungs'],
  [/^max_concurrent_runs\b/, 'atATime'],
  [/^search\.runs\b/, 'runs'],
  [/^(job\.)?dataset_id\b|^Dataset \d/, 'datasetId'],
  [/^job\.model_name\b/, 'model'],
  [/^job\.training_type\b/, 'type'],
  [/^job\.max_steps\b/, 'maxSteps'],
  [/^name\b/, 'name'],
  [/^search\b|^Combination \d/, 'fields'],
];

/** The field that a refusal is about: its sentence begins with it. Of a hyperparameter `field learning_rate`. Null: none of the form. */
export function placeIn(refusal: string): string | null {
  for (const [pattern, place] of PLACES) {
    const found = pattern.exec(refusal);
    if (found) return place === 'field' ? `field ${found[1]}` : place;
  }
  return null;
}
