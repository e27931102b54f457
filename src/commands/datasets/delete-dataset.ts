import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import { TraitDataset } from '../../models/projects/trait-dataset.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError } from '../../platform/failure.ts';
import { findDataset } from './find-dataset.ts';
import { deleteWithFiles } from './storage.ts';

/** Deletes a dataset with its files. @throws NotFoundError; ConflictError while a job or project uses it */
export async function deleteDataset(id: number, env: Env): Promise<void> {
  const dataset = await findDataset(id);
  const users = await usersOf(id);
  if (users.length > 0)
    throw new ConflictError(`Dataset ${id} is used by ${users.join(', ')}. Keep it, or delete those first.`);
  await deleteWithFiles(env, dataset, () => dataset.destroy());
}

async function usersOf(datasetId: number): Promise<string[]> {
  const [jobs, shares] = await Promise.all([
    Job.findAll({ where: { dataset_id: datasetId }, attributes: ['id', 'name'] }),
    TraitDataset.findAll({ where: { dataset_id: datasetId }, attributes: ['project_id'] }),
  ]);
  const projects = await Project.findAll({
    where: { id: shares.map(({ project_id }) => project_id) },
    attributes: ['id', 'name'],
  });
  return [
    ...jobs.map(({ id, name }) => `job ${id} (${name})`),
    ...projects.map(({ id, name }) => `project ${id} (${name})`),
  ];
}
