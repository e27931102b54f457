import type { Transaction } from 'sequelize';
import type { Project } from '../../models/projects/project.ts';
import type { HyperparameterChoices } from '../../models/runs/hyperparameter-choices.ts';
import { askedUpon } from '../../models/runs/queue-choices.ts';
import { type RunSpec, resolveRunSpec } from '../../models/runs/run-spec.ts';
import { datasetsAsTheyAre } from '../../models/runs/spec-datasets.ts';
import { uponStart } from '../../models/runs/start.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { requireFittingRows } from '../datasets/require-rows-for.ts';
import { type Again, startAgain } from '../runs/actions.ts';
import { startOfNextRun } from '../runs/find-start.ts';
import { lockOwner } from '../runs/owners.ts';
import { findProject } from './find-project.ts';
import { ofFollowing } from './following.ts';
import { checkTraits, datasetIdsOf, type TraitShares } from './trait-rules.ts';

/**
 * Adds a run to a project: afresh, or from the last checkpoint of its latest one. A project whose model is not there is refused before
 * anything is written, unless the run is to fetch it. Its first run begins when the project says, where nothing else is said.
 * @throws NotFoundError, UserError, RunAlreadyOpenError
 */
export async function startProject(id: number, again: Again, env: Env, transaction: Transaction): Promise<Project> {
  // What is to hold of its queue is what was said before the start.
  await lockOwner({ kind: 'project', id }, transaction);
  const project = await findProject(id, transaction);
  const asked = project.latest_run_id === null ? { ...again, ...askedUpon(project.queue, again) } : again;
  await startAgain({ kind: 'project', id }, asked, env, () => projectSpec(project, env, transaction), transaction);
  return await findProject(id, transaction);
}

/** What the runs of a project are to do, with everything resolved as it is now. @throws OutputDirectoryError, UserError */
async function projectSpec(project: Project, env: Env, transaction: Transaction): Promise<RunSpec> {
  const { training_type, base_model, max_rows, hyperparameters, followed_by } = project;
  const traits = (project.traits ?? []).map(({ trait_type, weight_thousandths, datasets = [] }) => ({
    trait_type,
    weight_thousandths,
    datasets,
  }));
  const first = { training_type, max_rows, traits, hyperparameters };
  const spec = await partSpec(project, first, env, transaction);
  const start = await startOfNextRun(env, { kind: 'project', id: project.id }, project.starts_from, {
    training_type,
    base_model,
  });
  if (start) {
    spec.start = start;
    spec.hyperparameters = uponStart(start, spec.hyperparameters);
  }
  if (followed_by === null) return spec;
  const { training_type: type, max_rows: rows, traits: others, ...choices } = followed_by;
  const second = {
    training_type: type,
    max_rows: rows ?? max_rows,
    traits: others ? checkTraits(others) : traits,
    hyperparameters: choices,
  };
  return { ...spec, followed_by: await ofFollowing(() => partSpec(project, second, env, transaction)) };
}

/** One of the runs that a project consists of. */
interface Part {
  training_type: TrainingType;
  max_rows: number;
  traits: TraitShares[];
  hyperparameters: HyperparameterChoices;
}

async function partSpec(
  project: Project,
  { training_type, max_rows, traits, hyperparameters }: Part,
  env: Env,
  transaction: Transaction,
): Promise<RunSpec> {
  const datasetsNow = await datasetsAsTheyAre(datasetIdsOf(traits), transaction);
  const now = traits.map(({ trait_type, weight_thousandths, datasets }) => ({
    trait: trait_type,
    weight_thousandths,
    datasets: datasets.map(({ dataset_id, percentage_thousandths, filters }) => ({
      dataset_id,
      percentage_thousandths,
      filters,
      dataset: datasetsNow.get(dataset_id),
    })),
  }));
  requireFittingRows({ training_type, traits: now });
  return resolveRunSpec(
    {
      training_type,
      base_model: project.base_model,
      embedding_model: project.embedding_model,
      max_rows,
      threads: env.trainerThreads,
      validationMaxNewTokens: env.validationMaxNewTokens,
      // Looked at again: a link may have been put there since the project was made.
      output_directory: await resolveOutputDirectory(project.output_directory, env.outputRoots),
      mixing: project.mixing,
      traits: now,
      trackers: project.trackers,
      hyperparameters,
    },
    await TrainingConfig.current(transaction),
  );
}
