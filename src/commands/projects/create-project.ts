import type { Transaction } from 'sequelize';
import type { AskedFollowing } from '../../models/projects/following.ts';
import { Project } from '../../models/projects/project.ts';
import { ProjectTrait } from '../../models/projects/project-trait.ts';
import { TraitDataset } from '../../models/projects/trait-dataset.ts';
import type { TraitRequest } from '../../models/projects/trait-request.ts';
import type { AskedChoices, MixingChoices } from '../../models/runs/hyperparameter-choices.ts';
import { type AskedQueue, askedUpon } from '../../models/runs/queue-choices.ts';
import { type AskedStart, uponStart } from '../../models/runs/start.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { requireConfigured } from '../../models/trackers/configured-trackers.ts';
import type { Tracker } from '../../models/trackers/trackers.ts';
import type { Gate } from '../../models/versions/gate.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { requireUsableDatasets } from '../datasets/require-usable-datasets.ts';
import { resolveBatch } from '../estimates/resolve-batch.ts';
import { findStart } from '../runs/find-start.ts';
import { requireAfter } from '../runs/require-after.ts';
import { requireTrainable } from '../runs/require-trainable.ts';
import { requireGate } from '../versions/require-gate.ts';
import { findProject } from './find-project.ts';
import { resolveFollowing } from './following.ts';
import { checkMixing, checkTraits, datasetIdsOf, traitsOfSpec } from './trait-rules.ts';

/** A project as it is asked for. */
export interface NewProject extends AskedChoices, AskedQueue {
  name: string;
  description?: string | null | undefined;
  base_model?: string | undefined;
  embedding_model?: string | null | undefined;
  training_type?: TrainingType | undefined;
  max_rows: number;
  output_directory: string;
  traits: TraitRequest[];
  mixing?: MixingChoices | undefined;
  /** Null, or not there: the base model as it is. */
  starts_from?: AskedStart | null | undefined;
  /** Null, or not there: one run is all. */
  followed_by?: AskedFollowing | null | undefined;
  gate?: Gate | null | undefined;
  /** Those that are told of its runs. Not there: none. */
  trackers?: Tracker[] | undefined;
}

/** Checks everything, then adds the project with its traits. It has no run until it is started. */
export async function createProject(body: NewProject, env: Env, transaction: Transaction): Promise<Project> {
  const { name, description, embedding_model, training_type, max_rows, ...rest } = body;
  const {
    output_directory,
    traits,
    mixing,
    starts_from = null,
    followed_by = null,
    gate = null,
    trackers = [],
    base_model: asked,
    priority,
    not_before,
    after,
    ...choices
  } = rest;
  const config = await TrainingConfig.current(transaction);
  const shares = checkTraits(traits);
  checkMixing(mixing);
  requireConfigured(env, trackers);
  await requireAfter({ after }, null, transaction);
  const begun = { training_type: training_type ?? config.default_training_type, base_model: asked };
  const found = starts_from ? await findStart(env, starts_from, begun) : null;
  const base_model = found?.baseModel ?? asked;
  const planned = { training_type, base_model, max_rows, mixing, traits: traitsOfSpec(shares) };
  const { chosen } = await resolveBatch(env, config, planned, uponStart(found?.start, choices));
  const wanted = { training_type, base_model, embedding_model, hyperparameters: chosen };
  const { type, model } = requireTrainable(wanted, config);
  const named = shares.map(({ trait_type }) => trait_type);
  if (gate) requireGate(gate, type, named);
  await requireUsableDatasets(datasetIdsOf(shares), type, transaction);
  const first = { training_type: type, base_model: model, max_rows, traits, chosen };
  const following = followed_by && (await resolveFollowing(env, config, followed_by, first, transaction));
  const directory = await resolveOutputDirectory(output_directory, env.outputRoots);
  const project = await Project.create(
    {
      name,
      description: description ?? null,
      base_model: model,
      embedding_model: embedding_model ?? null,
      training_type: type,
      max_rows,
      output_directory: directory,
      mixing: mixing ?? {},
      gate,
      hyperparameters: chosen,
      starts_from,
      trackers,
      followed_by: following,
      queue: askedUpon(null, { priority, not_before, after }),
    },
    { transaction },
  );
  for (const { datasets, ...fields } of shares) {
    const trait = await ProjectTrait.create({ project_id: project.id, ...fields }, { transaction });
    await TraitDataset.bulkCreate(
      datasets.map((share) => ({ ...share, trait_id: trait.id, project_id: project.id })),
      { transaction },
    );
  }
  return await findProject(project.id, transaction);
}
