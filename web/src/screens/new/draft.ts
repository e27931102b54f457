import { newKey } from '../../api/idempotency.ts';
import type { RequestFields } from '../../api/request-fields.ts';
import type { Config } from '../../api/settings.ts';
import type { Project, RunOwner } from '../../api/types.ts';
import type { ConditionDraft } from '../../parts/gate/gate.ts';
import type { TraitType } from '../../parts/plan/traits.ts';
import { AS_ITS_TURN_COMES, type WhenDraft } from '../../parts/queue/when.ts';
import type { AskedStart } from '../../parts/runs/starts.ts';
import type { TrackerName } from '../../parts/trackers/tracker-fields.tsx';
import { type Share, WHOLE } from './shares.ts';

export type Kind = RunOwner['kind'];
export type TrainingType = Project['training_type'];

/** A dataset of a trait, with its share of it. `filters`: as they were typed or chosen. */
export interface ShareDraft extends Share {
  /** Of this line alone, whichever dataset it is about. */
  key: string;
  datasetId: number | null;
  filters: Record<string, string>;
}

export interface TraitDraft {
  type: TraitType;
  weight: string;
  shares: ShareDraft[];
}

/** The second part of a project; what it leaves out is as of the first. */
export interface FollowingDraft {
  type: TrainingType;
  /** Null: those of the first. */
  traits: TraitDraft[] | null;
  maxRows: string;
  /** Of those that were chosen. */
  hyperparameters: Record<string, string>;
}

/** A job or project that somebody is about to ask for: all that they typed or chose, as they did. */
export interface Draft {
  kind: Kind;
  /** Of this draft alone: what is sent under it twice is created once. */
  key: string;
  name: string;
  description: string;
  model: string;
  /** Its run fetches the base model, which is not there. */
  download: boolean;
  embeddingModel: string;
  /** Null: the base model as it is. */
  startsFrom: AskedStart | null;
  /** Of a project: its second part. */
  followedBy: FollowingDraft | null;
  type: TrainingType;
  /** Of those that were chosen. */
  hyperparameters: Record<string, string>;
  /** Of a job. */
  datasetId: number | null;
  /** Likewise; null: rows of the one above are held out. */
  validationDatasetId: number | null;
  /** Of a project, as are those below. */
  traits: TraitDraft[];
  maxRows: string;
  outputDirectory: string;
  mixing: Record<string, string>;
  gate: ConditionDraft[];
  /** Those that are told of its runs. */
  trackers: TrackerName[];
  startsNow: boolean;
  when: WhenDraft;
}

/** What a draft is read with: the fields of its request, and the defaults of the service. */
export interface Ground {
  hyperparameters: RequestFields;
  /** Beside them: `max_rows`. */
  fields: RequestFields;
  mixing: RequestFields;
  filters: RequestFields;
  config: Config;
}

/** Nothing chosen yet but what most would choose. */
export function emptyDraft(kind: Kind, { config }: Ground, model: string): Draft {
  return {
    kind,
    key: newKey(),
    name: '',
    description: '',
    model,
    download: false,
    embeddingModel: '',
    startsFrom: null,
    followedBy: null,
    type: config.default_training_type,
    hyperparameters: {},
    datasetId: null,
    validationDatasetId: null,
    traits: [],
    maxRows: '',
    outputDirectory: '',
    mixing: {},
    gate: [],
    trackers: [],
    startsNow: true,
    when: AS_ITS_TURN_COMES,
  };
}

export function newShare(): ShareDraft {
  return { key: newKey(), datasetId: null, thousandths: WHOLE, isHeld: false, filters: {} };
}

/** A record with one value changed; without it where that is ''. */
export function withValue(record: Record<string, string>, name: string, value: string): Record<string, string> {
  const { [name]: _, ...others } = record;
  return value === '' ? others : { ...others, [name]: value };
}

/** Whether the learning rate of the settings is what such a training takes. It is that of their training type, and dpo has one of its own for all weights. */
export function takesDefaultRate(
  type: TrainingType,
  { finetuning_type }: { finetuning_type?: string | undefined },
  config: Config,
): boolean {
  return type === config.default_training_type && finetuning_type !== 'full';
}
