import type { Transaction } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import { Run } from '../../models/runs/run.ts';
import { notFound, UserError } from '../../platform/failure.ts';

/** What has runs: a job, or a project. */
export interface RunOwner {
  kind: 'job' | 'project';
  id: number;
}

export function runsOf({ kind, id }: RunOwner): { job_id: number } | { project_id: number } {
  return kind === 'job' ? { job_id: id } : { project_id: id };
}

/** @throws NotFoundError */
export async function requireOwner({ kind, id }: RunOwner): Promise<void> {
  const found = kind === 'job' ? await Job.count({ where: { id } }) : await Project.count({ where: { id } });
  if (found === 0) throw notFound(nameOf(kind), id);
}

/**
 * Keeps a job or project as it is until the end of the transaction. Who adds a run to it and who deletes it lock it first,
 * so that neither acts on what the other is changing.
 * @throws NotFoundError
 */
export async function lockOwner({ kind, id }: RunOwner, transaction: Transaction): Promise<void> {
  const options = { attributes: ['id'], lock: true, transaction };
  const found = kind === 'job' ? await Job.findByPk(id, options) : await Project.findByPk(id, options);
  if (!found) throw notFound(nameOf(kind), id);
}

/** A run of a job or project by its number, or the latest. @throws NotFoundError, or UserError when it has none yet */
export async function findRun(owner: RunOwner, number: number | undefined): Promise<Run> {
  await requireOwner(owner);
  const run = await Run.findOne({
    where: { ...runsOf(owner), ...(number === undefined ? {} : { number }) },
    order: [['number', 'DESC']],
  });
  if (run) return run;
  if (number !== undefined) throw notFound(`Run of ${owner.kind} ${owner.id} with number`, number);
  throw new UserError(`${nameOf(owner.kind)} ${owner.id} has not been started. Start it first.`);
}

export function nameOf(kind: RunOwner['kind']): 'Job' | 'Project' {
  return kind === 'job' ? 'Job' : 'Project';
}
