import { type Transaction, UniqueConstraintError } from 'sequelize';
import { Job } from './job.ts';
import { Project } from './project.ts';
import { Run } from './run.ts';
import { RunEvent } from './run-event.ts';
import type { RunSpec } from './run-spec.ts';

/** Its job or project has a run that has not ended. */
export class RunAlreadyOpenError extends Error {}

/**
 * Adds a run, status pending, to a job or project and makes it its latest. The dispatcher starts its workflow once the
 * transaction is committed; nothing here talks to Temporal.
 * @throws RunAlreadyOpenError when an earlier run has not ended (the database's unique index decides, also in a race).
 */
export async function createRun(
  owner: { kind: 'job' | 'project'; id: number },
  spec: RunSpec,
  transaction: Transaction,
  /** `resumes`: the run of the same owner whose mixture and checkpoints it goes on from. `first`: the owner is new. */
  { resumes = null, first = false }: { resumes?: Run | null; first?: boolean } = {},
): Promise<Run> {
  const ownerKey = owner.kind === 'job' ? { job_id: owner.id } : { project_id: owner.id };
  const last = first ? null : await Run.max<number, Run>('number', { where: ownerKey, transaction });
  const number = (last ?? 0) + 1;
  try {
    const run = await Run.create(
      {
        job_id: null,
        project_id: null,
        ...ownerKey,
        number,
        resumes_run_id: resumes?.id ?? null,
        spec,
        status: 'pending',
        phase: 'waiting',
        workflow_id: `${owner.kind}-${owner.id}-run-${number}`,
      },
      { transaction },
    );
    await RunEvent.create(
      { run_id: run.id, kind: 'status', data: { status: 'pending', phase: 'waiting' } },
      { transaction },
    );
    const latest = { latest_run_id: run.id };
    if (owner.kind === 'job') await Job.update(latest, { where: { id: owner.id }, transaction, silent: true });
    else await Project.update(latest, { where: { id: owner.id }, transaction, silent: true });
    return run;
  } catch (error) {
    if (error instanceof UniqueConstraintError) {
      throw new RunAlreadyOpenError(`The ${owner.kind} ${owner.id} has a run that has not ended.`);
    }
    throw error;
  }
}
