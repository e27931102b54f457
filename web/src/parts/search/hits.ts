import type { BaseModel } from '../../api/base-models.ts';
import type { RequestField } from '../../api/request-fields.ts';
import { datasetsOf, type Found } from '../../api/search.ts';
import type { Dataset, Job, Project } from '../../api/types.ts';
import { factsOf } from '../base-models/facts.ts';
import { labelOf } from '../fields/values.ts';
import { count } from '../numbers.ts';
import { addressOf } from '../runs/owners.ts';
import { PLACES } from '../shell/places.ts';
import { modelAddress, type Visit } from './recent.ts';
import { hasAll } from './words.ts';

/** Something that was found. It has the same key however it was found. */
export interface Hit {
  key: string;
  name: string;
  about: string;
  /** Where it leads, or what it does. */
  does: { to: string } | { change: 'scheme' | 'keys' };
}

export interface HitGroup {
  label: string;
  hits: Hit[];
  /** With those that are not shown. */
  total: number;
}

const LOCAL_SHOWN = 4;

function groupOf(label: string, hits: Hit[], most = LOCAL_SHOWN): HitGroup {
  return { label, hits: hits.slice(0, most), total: hits.length };
}

function to(address: string, name: string, about: string): Hit {
  return { key: address, name, about, does: { to: address } };
}

/** What can be done from everywhere, with other words for it. */
const ACTIONS: [Hit, string][] = [
  [to('/new/job', 'New job', 'Train on one dataset'), 'training start create run'],
  [
    to('/new/project', 'New project', 'Train on a mixture of datasets by traits and shares'),
    'training start create run',
  ],
  [to('/datasets', 'Upload a file', 'Drop it there, and it becomes a dataset'), 'dataset drop csv json parquet import'],
  [
    { key: 'scheme', name: 'Dark or light', about: 'Show the page in the other one', does: { change: 'scheme' } },
    'theme colour mode',
  ],
  [
    { key: 'keys', name: 'Keyboard shortcuts', about: 'What can be done by keyboard', does: { change: 'keys' } },
    'keyboard shortcuts help',
  ],
];

/** Screens and actions that have each of the words; all of them where there is none. */
export function placeHits(words: string[]): HitGroup {
  const all: [Hit, string][] = [
    ...PLACES.map(({ address, label, words = '' }): [Hit, string] => [to(address, label, 'Screen'), words]),
    ...ACTIONS.map(([hit, others]): [Hit, string] => [{ ...hit, key: `action ${hit.key}` }, others]),
  ];
  const found = all.filter(([{ name, about }, others]) => hasAll(words, name, about, others)).map(([hit]) => hit);
  return groupOf('Screens and actions', found, words.length === 0 ? all.length : LOCAL_SHOWN);
}

/** Settings of the service whose names have each of the words. */
export function settingHits(fields: RequestField[], words: string[]): HitGroup {
  const found = fields.filter(({ name }) => hasAll(words, name, labelOf(name)));
  return groupOf(
    'Settings',
    found.map(({ name, description }) => to(`/settings?field=${name}`, labelOf(name), description)),
  );
}

export function modelHits(models: BaseModel[], words: string[]): HitGroup {
  const found = models.filter(({ name }) => hasAll(words, name));
  return groupOf('Base models', found.map(modelHit));
}

function modelHit(model: BaseModel): Hit {
  return to(modelAddress(model.name), model.name, model.available ? factsOf(model) : 'It cannot be used as it is');
}

/** What the service has found. */
export function foundHits({ jobs, projects, datasets, datasetNames }: Found): HitGroup[] {
  return [
    { label: 'Jobs', hits: jobs.items.map((job) => ownerHit('job', job, datasetNames)), total: jobs.total },
    {
      label: 'Projects',
      hits: projects.items.map((project) => ownerHit('project', project, datasetNames)),
      total: projects.total,
    },
    { label: 'Datasets', hits: datasets.items.map(datasetHit), total: datasets.total },
  ];
}

function ownerHit(kind: 'job' | 'project', owner: Job | Project, datasetNames: Found['datasetNames']): Hit {
  const { id, name, training_type } = owner;
  const model = 'base_model' in owner ? owner.base_model : owner.model_name;
  const status = owner.run_number === null ? 'never started' : owner.status;
  const datasets = datasetsOf(owner).map((dataset) => datasetNames[dataset] ?? `dataset ${dataset}`);
  return to(
    addressOf({ kind, id }),
    name,
    `${kind} ${id}, ${status}, ${training_type} of ${model} on ${datasets.join(', ')}`,
  );
}

function datasetHit({ id, name, filename, row_count }: Dataset): Hit {
  return to(`/datasets/${id}`, name, `dataset ${id}, ${count(row_count)} rows, ${filename}`);
}

/** What was visited last. Until the service has said what they are called they stand by their numbers; what it does not know any more is left out. */
export function visitHits(visits: Visit[], found: Found | undefined): HitGroup {
  const byKey = new Map(found && foundHits(found).flatMap(({ hits }) => hits.map((hit) => [hit.key, hit])));
  const hits = visits.flatMap((visit): Hit[] => {
    if (visit.kind === 'model') return [to(visit.address, visit.name, 'Base model')];
    if (found === undefined) return [to(visit.address, `${visit.kind} ${visit.id}`, '…')];
    return [byKey.get(visit.address) ?? []].flat();
  });
  return groupOf('Visited last', hits, hits.length);
}
