import type { Job, Project } from '../../api/types.ts';
import { textOf } from '../../parts/fields/values.ts';
import { conditionsOf } from '../../parts/gate/gate.ts';
import {
  type Draft,
  emptyDraft,
  type FollowingDraft,
  type Ground,
  newShare,
  type ShareDraft,
  type TraitDraft,
  takesDefaultRate,
} from './draft.ts';

/** A draft of what an existing job or project asked for. */
export function draftOf(owner: Job | Project, ground: Ground): Draft {
  return 'traits' in owner ? draftOfProject(owner, ground) : draftOfJob(owner, ground);
}

/** A job keeps the values that it was completed with: those that are the defaults of now as well count as not chosen. */
function draftOfJob(job: Job, ground: Ground): Draft {
  const { config } = ground;
  const { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout } = job;
  const completed = { batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout };
  const chosen = Object.entries(completed).filter(([name, value]) => {
    const isOfType = name !== 'learning_rate' || takesDefaultRate(job.training_type, job.hyperparameters, config);
    return !isOfType || value !== config[`default_${name}` as keyof typeof config];
  });
  return {
    ...emptyDraft('job', ground, job.model_name),
    ...commonOf(job),
    datasetId: job.dataset_id,
    validationDatasetId: job.validation_dataset_id,
    hyperparameters: textsOf({ ...Object.fromEntries(chosen), ...job.hyperparameters }),
  };
}

function draftOfProject(project: Project, ground: Ground): Draft {
  return {
    ...emptyDraft('project', ground, project.base_model),
    ...commonOf(project),
    hyperparameters: textsOf(project.hyperparameters),
    traits: traitsOf(project.traits),
    maxRows: textOf(project.max_rows),
    outputDirectory: project.output_directory,
    mixing: textsOf(project.mixing),
    followedBy: project.followed_by && followingOf(project.followed_by),
    gate: conditionsOf(project.gate),
  };
}

function followingOf({
  training_type,
  traits,
  max_rows,
  ...chosen
}: NonNullable<Project['followed_by']>): FollowingDraft {
  return {
    type: training_type,
    traits: traits ? traitsOf(traits) : null,
    maxRows: textOf(max_rows),
    hyperparameters: textsOf(chosen),
  };
}

type TraitOfRequest = NonNullable<NonNullable<Project['followed_by']>['traits']>[number];

function traitsOf(traits: TraitOfRequest[]): TraitDraft[] {
  return traits.map(({ trait_type: type, weight, datasets }) => ({
    type,
    weight: textOf(weight),
    shares: datasets.map(
      ({ dataset_id, percentage, filters = {} }): ShareDraft => ({
        ...newShare(),
        datasetId: dataset_id,
        thousandths: Math.round(percentage * 1000),
        filters: textsOf(filters),
      }),
    ),
  }));
}

function commonOf({ name, description, embedding_model, training_type, starts_from, trackers }: Job | Project) {
  return {
    name,
    description: description ?? '',
    embeddingModel: embedding_model ?? '',
    type: training_type,
    startsFrom: starts_from,
    trackers,
  };
}

function textsOf(values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value)]));
}
