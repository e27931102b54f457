import type { z } from 'zod';
import { findProjects } from '../../commands/projects/find-project.ts';
import { Project } from '../../models/projects/project.ts';
import { LATEST_RUN } from '../../models/runs/latest-run.ts';
import { searchOf, withStatus } from '../http/list-query.ts';
import type { ProjectListQuery } from './schema.ts';

/** A page of projects, and how many there are. */
export async function listProjects(query: z.output<typeof ProjectListQuery>) {
  const { status, training_type, ...others } = query;
  const search = searchOf(
    'project',
    others,
    status ? withStatus('project', status) : {},
    training_type ? { training_type } : {},
  );
  // A page is one of projects, not of their joined rows.
  const { rows, count } = await Project.findAndCountAll({
    ...search,
    attributes: ['id'],
    include: [LATEST_RUN],
    subQuery: false,
  });
  return { projects: await findProjects(rows.map(({ id }) => id)), total: count };
}
