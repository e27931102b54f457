import type { Sequelize } from 'sequelize';
import type { z } from 'zod';
import type { Env } from '../../env.ts';
import { createRun } from '../../models/create-run.ts';
import { Project } from '../../models/project.ts';
import { ProjectTrait } from '../../models/project-trait.ts';
import { resolveRunSpec } from '../../models/run-spec.ts';
import { TrainingConfig } from '../../models/training-config.ts';
import { TraitDataset } from '../../models/trait-dataset.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import { notFound } from '../errors.ts';
import { requireTrainable } from '../require-trainable.ts';
import { requireUsableDatasets } from '../require-usable-datasets.ts';
import type { ProjectCreate } from './schema.ts';
import { checkTraits } from './trait-rules.ts';

const WITH_RUN_AND_TRAITS = ['latestRun', { association: 'traits', include: ['datasets'] }];
const BY_ID = [
  ['traits', 'id', 'ASC'],
  ['traits', 'datasets', 'id', 'ASC'],
] as [string, string, string][];

/** A project with its latest run and its traits. @throws ApiError 404 */
export async function findProject(id: number): Promise<Project> {
  const project = await Project.findByPk(id, { include: WITH_RUN_AND_TRAITS, order: BY_ID });
  if (!project) throw notFound('Project', id);
  return project;
}

export async function listProjects(page: number, pageSize: number): Promise<{ projects: Project[]; total: number }> {
  const total = await Project.count();
  const ids = await Project.findAll({
    attributes: ['id'],
    order: [['id', 'DESC']],
    limit: pageSize,
    offset: (page - 1) * pageSize,
  });
  const projects = await Project.findAll({
    where: { id: ids.map(({ id }) => id) },
    include: WITH_RUN_AND_TRAITS,
    order: [['id', 'DESC'], ...BY_ID],
  });
  return { projects, total };
}

/** Checks everything, then adds the project with its traits in one transaction. It has no run until it is started. */
export async function createProject(
  body: z.output<typeof ProjectCreate>,
  env: Env,
  sequelize: Sequelize,
): Promise<Project> {
  const { name, description, base_model, training_type, max_rows, output_directory, traits, ...hyperparameters } = body;
  const config = await TrainingConfig.current();
  const shares = checkTraits(traits);
  const type = requireTrainable(training_type ?? config.default_training_type);
  await requireUsableDatasets(shares.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id)));
  const directory = await resolveOutputDirectory(output_directory, env.outputRoots);
  const id = await sequelize.transaction(async (transaction) => {
    const project = await Project.create(
      {
        name,
        description: description ?? null,
        base_model: base_model ?? config.default_model,
        training_type: type,
        max_rows,
        output_directory: directory,
        hyperparameters,
      },
      { transaction },
    );
    for (const { trait_type, datasets } of shares) {
      const trait = await ProjectTrait.create({ project_id: project.id, trait_type }, { transaction });
      await TraitDataset.bulkCreate(
        datasets.map((share) => ({ ...share, trait_id: trait.id, project_id: project.id })),
        { transaction },
      );
    }
    return project.id;
  });
  return await findProject(id);
}

/** Adds a run to a project, with everything resolved as it is now. @throws RunAlreadyOpenError */
export async function startProject(project: Project, env: Env, sequelize: Sequelize): Promise<void> {
  const spec = resolveRunSpec(
    {
      training_type: project.training_type,
      base_model: project.base_model,
      max_rows: project.max_rows,
      // Looked at again: a link may have been put there since the project was made.
      output_directory: await resolveOutputDirectory(project.output_directory, env.outputRoots),
      traits: (project.traits ?? []).map(({ trait_type, datasets }) => ({
        trait: trait_type,
        datasets: (datasets ?? []).map(({ dataset_id, percentage_thousandths }) => ({
          dataset_id,
          percentage_thousandths,
        })),
      })),
      hyperparameters: project.hyperparameters,
    },
    await TrainingConfig.current(),
  );
  await sequelize.transaction((transaction) => createRun({ kind: 'project', id: project.id }, spec, transaction));
}
