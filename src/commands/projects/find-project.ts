import type { Transaction } from 'sequelize';
import { Project } from '../../models/projects/project.ts';
import { LATEST_RUN, withPlaces } from '../../models/runs/latest-run.ts';
import { notFound } from '../../platform/failure.ts';

const WITH_RUN_AND_TRAITS = [LATEST_RUN, { association: 'traits', include: ['datasets'] }];
const BY_ID = [
  ['traits', 'id', 'ASC'],
  ['traits', 'datasets', 'id', 'ASC'],
] as [string, string, string][];

/** A project with its latest run and its traits. @throws NotFoundError */
export async function findProject(id: number, transaction: Transaction | null = null): Promise<Project> {
  const project = await Project.findByPk(id, { include: WITH_RUN_AND_TRAITS, order: BY_ID, transaction });
  if (!project) throw notFound('Project', id);
  await withPlaces(project.latestRun ? [project.latestRun] : []);
  return project;
}

/** Those of these ids, likewise, in their order. */
export async function findProjects(ids: number[]): Promise<Project[]> {
  const found = await Project.findAll({ where: { id: ids }, include: WITH_RUN_AND_TRAITS, order: BY_ID });
  await withPlaces(found.flatMap(({ latestRun }) => latestRun ?? []));
  const byId = new Map(found.map((project) => [project.id, project]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
