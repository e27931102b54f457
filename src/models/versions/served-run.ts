import type { Transaction } from 'sequelize';
import { Run } from '../runs/run.ts';
import { Promotion } from './promotion.ts';

/** What has runs. */
export type RunsOwner = { job_id: number } | { project_id: number };

/** What made a project's latest version that; null while it has none. */
export async function latestPromotion(
  projectId: number,
  transaction: Transaction | null = null,
): Promise<Promotion | null> {
  return await Promotion.findOne({
    where: { project_id: projectId },
    order: [['id', 'DESC']],
    include: 'run',
    transaction,
  });
}

/**
 * The one rule for what a job or project stands for where no run is named: what is served, downloaded, asked and linked. Of a project
 * its latest version: the newest that its gate let pass, or what was promoted by hand after that. Of a job its newest completed run.
 */
export async function servedRun(owner: RunsOwner): Promise<Run | null> {
  if ('job_id' in owner) return await newestCompleted(owner);
  return (await latestPromotion(owner.project_id))?.run ?? null;
}

/** The candidate of a project: its newest completed run, whatever its gate said. */
export async function newestCompleted(owner: RunsOwner, transaction: Transaction | null = null): Promise<Run | null> {
  return await Run.findOne({ where: { ...owner, status: 'completed' }, order: [['number', 'DESC']], transaction });
}
