import type { Transaction } from 'sequelize';
import type { Project } from '../../models/projects/project.ts';
import { type RunSpec, resolveRunSpec } from '../../models/runs/run-spec.ts';
import { datasetsAsTheyAre } from '../../models/runs/spec-datasets.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import { requireFittingRows } from '../datasets/require-rows-for.ts';
import { type Again, startAgain } from '../runs/actions.ts';
import { startOfNextRun } from '../runs/find-start.ts';
import { findProject } from './find-project.ts';

/**
 * Adds a run to a project: afresh, or from the last checkpoint of its latest one. A project whose model is not there is refused before
 * anything is written, unless the run is to fetch it.
 * @throws NotFoundError, UserError, RunAlreadyOpenError
 */
export async function startProject(id: number, again: Again, env: Env, transaction: Transaction): Promise<Project> {
  const project = await findProject(id, transaction);
  await startAgain({ kind: 'project', id }, again, env, () => projectSpec(project, env, transaction), transaction);
  return await findProject(id, transaction);
}

/** What a run of a project is to do, with everything resolved as it is now. @throws OutputDirectoryError, UserError */
async function projectSpec(project: Project, env: Env, transaction: Transaction): Promise<RunSpec> {
  const ids = (project.traits ?? []).flatMap(({ datasets = [] }) => datasets.map(({ dataset_id }) => dataset_id));
  const datasetsNow = await datasetsAsTheyAre(ids, transaction);
  const traits = (project.traits ?? []).map(({ trait_type, weight_thousandths, datasets }) => ({
    trait: trait_type,
    weight_thousandths,
    datasets: (datasets ?? []).map(({ dataset_id, percentage_thousandths, filters }) => ({
      dataset_id,
      percentage_thousandths,
      filters,
      dataset: datasetsNow.get(dataset_id),
    })),
  }));
  requireFittingRows({ training_type: project.training_type, traits });
  const start = await startOfNextRun(env, { kind: 'project', id: project.id }, project.starts_from, project);
  const spec = resolveRunSpec(
    {
      training_type: project.training_type,
      base_model: project.base_model,
      embedding_model: project.embedding_model,
      max_rows: project.max_rows,
      threads: env.trainerThreads,
      validationMaxNewTokens: env.validationMaxNewTokens,
      // Looked at again: a link may have been put there since the project was made.
      output_directory: await resolveOutputDirectory(project.output_directory, env.outputRoots),
      mixing: project.mixing,
      traits,
      hyperparameters: project.hyperparameters,
    },
    await TrainingConfig.current(transaction),
  );
  return start ? { ...spec, start } : spec;
}
