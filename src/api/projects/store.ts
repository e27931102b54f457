import type { Transaction } from 'sequelize';
import type { z } from 'zod';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { Env } from '../../env.ts';
import { LATEST_RUN, withPlaces } from '../../models/latest-run.ts';
import { findSources } from '../../models/mixture-sources.ts';
import { Project } from '../../models/project.ts';
import { ProjectTrait } from '../../models/project-trait.ts';
import {
  HyperparameterChoicesSchema,
  mixtureSpec,
  type RunSpec,
  resolveHyperparameters,
  resolveRunSpec,
} from '../../models/run-spec.ts';
import { datasetsAsTheyAre } from '../../models/spec-datasets.ts';
import { TrainingConfig } from '../../models/training-config.ts';
import { TraitDataset } from '../../models/trait-dataset.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Slowly } from '../endpoint.ts';
import { notFound } from '../errors.ts';
import { findTokenizer } from '../find-tokenizer.ts';
import { searchOf, withStatus } from '../list-query.ts';
import { presentPlan } from '../plan.ts';
import { requireIndexed, requireTrainable } from '../require-trainable.ts';
import { requireUsableDatasets } from '../require-usable-datasets.ts';
import type { ProjectCreate, ProjectListQuery, ProjectPlanRequest } from './schema.ts';
import { checkTraits, type TraitShares } from './trait-rules.ts';

const WITH_RUN_AND_TRAITS = [LATEST_RUN, { association: 'traits', include: ['datasets'] }];
const BY_ID = [
  ['traits', 'id', 'ASC'],
  ['traits', 'datasets', 'id', 'ASC'],
] as [string, string, string][];

/** A project with its latest run and its traits. @throws ApiError 404 */
export async function findProject(id: number, transaction: Transaction | null = null): Promise<Project> {
  const project = await Project.findByPk(id, { include: WITH_RUN_AND_TRAITS, order: BY_ID, transaction });
  if (!project) throw notFound('Project', id);
  await withPlaces(project.latestRun ? [project.latestRun] : []);
  return project;
}

export async function listProjects(query: z.output<typeof ProjectListQuery>) {
  const { status, training_type, ...others } = query;
  const search = searchOf(others, status ? withStatus(status) : {}, training_type ? { training_type } : {});
  // A page is one of projects, not of their joined rows.
  const { rows, count } = await Project.findAndCountAll({
    ...search,
    attributes: ['id'],
    include: [LATEST_RUN],
    subQuery: false,
  });
  const found = await Project.findAll({
    where: { id: rows.map(({ id }) => id) },
    include: WITH_RUN_AND_TRAITS,
    order: BY_ID,
  });
  await withPlaces(found.flatMap(({ latestRun }) => latestRun ?? []));
  const byId = new Map(found.map((project) => [project.id, project]));
  return { projects: rows.flatMap(({ id }) => byId.get(id) ?? []), total: count };
}

/** Checks everything, then adds the project with its traits. It has no run until it is started. */
export async function createProject(
  body: z.output<typeof ProjectCreate>,
  env: Env,
  transaction: Transaction,
): Promise<Project> {
  const { name, description, base_model, embedding_model, training_type, max_rows, ...rest } = body;
  const { output_directory, traits, mixing, ...chosen } = rest;
  const config = await TrainingConfig.current(transaction);
  const shares = checkTraits(traits);
  const wanted = { training_type, base_model, embedding_model, hyperparameters: chosen };
  const { type, model } = requireTrainable(wanted, config);
  await requireUsableDatasets(idsOf(shares), transaction);
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
      hyperparameters: chosen,
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

function idsOf(shares: TraitShares[]): number[] {
  return shares.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id));
}

/** What a run of a project is to do, with everything resolved as it is now. @throws OutputDirectoryError */
export async function projectSpec(project: Project, env: Env, transaction: Transaction): Promise<RunSpec> {
  const ids = (project.traits ?? []).flatMap(({ datasets = [] }) => datasets.map(({ dataset_id }) => dataset_id));
  const datasetsNow = await datasetsAsTheyAre(ids, transaction);
  return resolveRunSpec(
    {
      training_type: project.training_type,
      base_model: project.base_model,
      embedding_model: project.embedding_model,
      max_rows: project.max_rows,
      threads: env.trainerThreads,
      // Looked at again: a link may have been put there since the project was made.
      output_directory: await resolveOutputDirectory(project.output_directory, env.outputRoots),
      mixing: project.mixing,
      traits: (project.traits ?? []).map(({ trait_type, weight_thousandths, datasets }) => ({
        trait: trait_type,
        weight_thousandths,
        datasets: (datasets ?? []).map(({ dataset_id, percentage_thousandths, filters }) => ({
          dataset_id,
          percentage_thousandths,
          filters,
          dataset: datasetsNow.get(dataset_id),
        })),
      })),
      hyperparameters: project.hyperparameters,
    },
    await TrainingConfig.current(transaction),
  );
}

/** Somebody waits for it, and it takes the place of an upload's conversion. */
const PLAN_WITHIN_MS = 120_000;

/**
 * What the mixture of a project would be, without creating anything; with its tokens where a base model is given.
 * @throws ApiError 400; 503 while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planProject(
  body: z.output<typeof ProjectPlanRequest>,
  { env, slowly }: { env: Env; slowly: Slowly },
) {
  const { max_rows, traits, mixing, base_model, output_directory } = body;
  if (output_directory !== undefined) await resolveOutputDirectory(output_directory, env.outputRoots);
  const checked = checkTraits(traits);
  await requireUsableDatasets(idsOf(checked));
  const config = await TrainingConfig.current();
  const type = body.training_type ?? config.default_training_type;
  requireIndexed(type, body.embedding_model);
  const hyperparameters = resolveHyperparameters(HyperparameterChoicesSchema.strip().parse(body), type, config);
  const found = await findSources(checked.flatMap(({ datasets }) => datasets));
  const spec = mixtureSpec(
    {
      max_rows,
      mixing,
      seed: hyperparameters.seed,
      traits: checked.map(({ trait_type, ...trait }) => ({ trait: trait_type, ...trait })),
    },
    found.map(({ source }) => source),
  );
  // What rag reads are chunks of texts, which its run alone makes.
  const counts = base_model !== undefined && type !== 'rag';
  const tokenizer = counts ? await findTokenizer(env, base_model, hyperparameters) : null;
  const { plan, ...rest } = await slowly({ spec, tokenizer }, (onProgress) =>
    inDataProcess('draft', { ...spec, tokenizer }, { timeLimitMs: PLAN_WITHIN_MS, onProgress }),
  );
  return presentPlan({ ...plan, ...rest }, { base_model: base_model ?? config.default_model, hyperparameters });
}
