import type { Transaction } from 'sequelize';
import { Run } from '../../models/runs/run.ts';
import { Promotion } from '../../models/versions/promotion.ts';
import { latestPromotion, newestCompleted } from '../../models/versions/served-run.ts';

/** Numbers of the versions that a project's name stands for, and for its name with `:candidate`; null while there is none. */
export interface Heads {
  latest: number | null;
  candidate: number | null;
}

export interface Version {
  run: Run;
  /** When it became the latest, newest first. */
  promotions: Promotion[];
}

export async function headsOf(projectId: number, transaction: Transaction | null = null): Promise<Heads> {
  const [latest, candidate] = await Promise.all([
    latestPromotion(projectId, transaction),
    newestCompleted({ project_id: projectId }, transaction),
  ]);
  return { latest: latest?.run?.number ?? null, candidate: candidate?.number ?? null };
}

/** A page of the completed runs of a project, newest first, and how many there are. */
export async function listVersions(
  projectId: number,
  page: { limit: number; offset: number },
): Promise<{ versions: Version[]; count: number }> {
  const where = { project_id: projectId, status: 'completed' as const };
  const { rows, count } = await Run.findAndCountAll({ where, order: [['number', 'DESC']], ...page });
  return { versions: await withPromotions(rows), count };
}

export async function withPromotions(runs: Run[], transaction: Transaction | null = null): Promise<Version[]> {
  const ids = runs.map(({ id }) => id);
  const promotions = await Promotion.findAll({ where: { run_id: ids }, order: [['id', 'DESC']], transaction });
  return runs.map((run) => ({ run, promotions: promotions.filter(({ run_id }) => run_id === run.id) }));
}
