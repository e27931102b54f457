import { Op } from 'sequelize';
import type { Run } from '../../models/runs/run.ts';
import { Promotion } from '../../models/versions/promotion.ts';
import { latestPromotion, servedRun } from '../../models/versions/served-run.ts';
import type { Env } from '../../platform/env.ts';
import { RunFolder } from '../../runs/run-folder.ts';

/**
 * Sets the link `latest` to what the owner of a run stands for now. The rows have decided that before: whoever is killed in between
 * leaves it to the next attempt, or to the orchestrator (tidy.ts).
 * @returns a sentence where the link could not be set
 */
export async function linkLatest(
  env: Env,
  { project_id, job_id }: Pick<Run, 'project_id' | 'job_id'>,
): Promise<string | null> {
  if (project_id !== null) return await linkVersion(env, project_id);
  const run = job_id === null ? null : await servedRun({ job_id });
  return run && (await new RunFolder(env, run).linkLatest());
}

/** Projects of which the link is not set to the latest version yet. */
export async function unlinkedProjects(): Promise<number[]> {
  const found = await Promotion.findAll({ where: { linked_at: null }, attributes: ['project_id'] });
  return [...new Set(found.map(({ project_id }) => project_id))];
}

/** Looks again after each link: of two that are at it, the later one finds what the rows say. */
async function linkVersion(env: Env, projectId: number): Promise<string | null> {
  for (let linked: number | null = null; ; ) {
    const latest = await latestPromotion(projectId);
    if (!latest?.run || latest.id === linked || (linked === null && latest.linked_at !== null)) return null;
    const warning = await new RunFolder(env, latest.run).linkLatest();
    const upToThis = { project_id: projectId, id: { [Op.lte]: latest.id }, linked_at: null };
    await Promotion.update({ linked_at: new Date() }, { where: upToThis });
    if (warning !== null) return warning;
    linked = latest.id;
  }
}
