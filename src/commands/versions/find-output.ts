import type { Run } from '../../models/runs/run.ts';
import { newestCompleted, servedRun } from '../../models/versions/served-run.ts';
import { UserError } from '../../platform/failure.ts';
import { findRun, type RunOwner, requireOwner, runsOf } from '../runs/owners.ts';

/**
 * The run whose model is meant: the one with a number, or else what the job or project stands for. Where it has no model, the latest
 * run, which says why.
 * @throws NotFoundError; UserError where no version of a project passed its gate, or it has no run yet
 */
export async function findOutput(owner: RunOwner, number: number | undefined): Promise<Run> {
  if (number !== undefined) return await findRun(owner, number);
  await requireOwner(owner);
  const served = await servedRun(runsOf(owner));
  if (served) return served;
  const candidate = owner.kind === 'project' ? await newestCompleted(runsOf(owner)) : null;
  if (candidate) throw new UserError(notPromoted(owner.id, candidate));
  return await findRun(owner, undefined);
}

/** What is said of a project whose runs have completed, and none of which its gate let pass. */
export function notPromoted(projectId: number, { number }: Run): string {
  return `No version of project ${projectId} has passed its gate. GET /api/v1/projects/${projectId}/versions says why. Name its candidate, run ${number}, or promote it by hand.`;
}
