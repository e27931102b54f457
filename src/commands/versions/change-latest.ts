import type { Transaction } from 'sequelize';
import { linkLatest } from '../../activities/versions/link-latest.ts';
import { Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { Promotion, type PromotionWay } from '../../models/versions/promotion.ts';
import { latestPromotion } from '../../models/versions/served-run.ts';
import { addPromotion } from '../../models/versions/settle.ts';
import type { Env } from '../../platform/env.ts';
import { notFound, UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import { lockOwner } from '../runs/owners.ts';

/**
 * Makes a version the latest of its project by hand, whatever its gate said.
 * @throws NotFoundError; UserError where the version has no model, or is the latest already
 */
export async function promote(
  projectId: number,
  { version, reason }: { version: number; reason: string },
  transaction: Transaction,
): Promise<Run> {
  await lockOwner({ kind: 'project', id: projectId }, transaction);
  const run = await Run.findOne({ where: { project_id: projectId, number: version }, transaction });
  if (!run) throw notFound(`Run of project ${projectId} with number`, version);
  if (run.status !== 'completed')
    throw new UserError(
      `version is ${version}, and run ${version} of project ${projectId} is ${run.status}: only a completed run has a model. GET /api/v1/projects/${projectId}/versions lists those.`,
      { field: 'version' },
    );
  const latest = await latestPromotion(projectId, transaction);
  if (latest?.run_id === run.id)
    throw new UserError(
      `version is ${version}, which is the latest of project ${projectId} already. There is nothing to do.`,
      { field: 'version' },
    );
  return await becomeLatest(run, latest, { how: 'promoted', reason }, transaction);
}

/**
 * Makes the version the latest again that was before the one which is. Rolled back again, it goes one further back.
 * @throws NotFoundError; UserError where there is none to go back to, or its model is gone
 */
export async function rollBack(projectId: number, reason: string, transaction: Transaction): Promise<Run> {
  await lockOwner({ kind: 'project', id: projectId }, transaction);
  const latest = await latestPromotion(projectId, transaction);
  const earlier = latest && (await Promotion.findByPk(latest.returns_to_id ?? 0, { include: 'run', transaction }));
  if (!earlier?.run)
    throw new UserError(
      `Project ${projectId} has ${latest ? `no version before ${latest.run?.number}` : 'no latest version'} to go back to. Promote a version by its number.`,
    );
  const returnsTo = earlier.returns_to_id === null ? null : { id: earlier.returns_to_id };
  return await becomeLatest(earlier.run, returnsTo, { how: 'rolled_back', reason }, transaction);
}

/** Sets the link `latest` once the rows say so. One that cannot be set is a convenience that is missing, and told. */
export async function linkToLatest(env: Env, projectId: number): Promise<void> {
  const message = await linkLatest(env, { project_id: projectId, job_id: null });
  const latest = message === null ? null : await latestPromotion(projectId);
  if (latest) await RunEvent.create({ run_id: latest.run_id, kind: 'warning', data: { message } });
}

async function becomeLatest(
  run: Run,
  returnsTo: Pick<Promotion, 'id'> | null,
  by: { how: PromotionWay; reason: string },
  transaction: Transaction,
): Promise<Run> {
  if (run.output_path === null || !(await exists(run.output_path)))
    throw new UserError(
      `The model of version ${run.number} is not in its directory any more (${run.output_path}): it was moved or deleted. Put it back, or choose another version.`,
    );
  await addPromotion(run, returnsTo, by, transaction);
  const done = by.how === 'promoted' ? 'Promoted by hand' : 'Made the latest version again';
  const data = { how: by.how, message: `${done}: ${by.reason}` };
  await RunEvent.create({ run_id: run.id, kind: 'promotion', data }, { transaction });
  return run;
}
