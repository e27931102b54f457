import type { Transaction } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import { noteAsked } from '../../models/runs/asked.ts';
import { createRun } from '../../models/runs/create-run.ts';
import { DeletedRun } from '../../models/runs/deleted-run.ts';
import { setPauseReasonInLine } from '../../models/runs/pause.ts';
import { AS_ITS_TURN_COMES, type AskedQueue, queueChoices } from '../../models/runs/queue-choices.ts';
import { connection, Run } from '../../models/runs/run.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { transition } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, UserError } from '../../platform/failure.ts';
import { PAUSE_WAS_ASKED, PAUSES_OF_SWEEP } from '../../workflows/contract.ts';
import { requireFit } from '../estimates/require-fit.ts';
import { requireNotRemoved } from '../storage/removed.ts';
import type { Orchestration } from '../workflows/client.ts';
import { workflowOf } from '../workflows/run-workflow.ts';
import { findRun, lockOwner, nameOf, type RunOwner, runsOf } from './owners.ts';
import { requireAfter } from './require-after.ts';
import { requireModels } from './require-models.ts';

/** What is asked of a run that is in no state for it. */
export class WrongStateError extends UserError {
  /** What it is, in a word or some. */
  readonly state: string;
  /** What cannot be done with it, as the end of a sentence. */
  readonly refused: string;

  constructor(name: string, state: string, refused: string) {
    super(`${name} is ${state} and ${refused}.`);
    this.state = state;
    this.refused = refused;
  }
}

/** Cancels the latest run. The row decides; the dispatcher tells the workflow, and the lease tells the worker. */
export async function cancelLatest(owner: RunOwner): Promise<void> {
  const run = await findRun(owner, undefined);
  const request = { runId: run.id, to: 'cancelled', phase: 'finished', why: { reason: 'asked' } } as const;
  if (!isFinal(run.status) && (await transition({ ...request, unlessIn: ['publishing'] }))) return;
  const { status, phase } = await run.reload();
  const state = isFinal(status) ? status : `being published (${phase})`;
  throw new WrongStateError(`${nameOf(owner.kind)} ${owner.id}`, state, 'cannot be cancelled any more');
}

/**
 * Pauses the latest run, or lets it go on. A run that trains saves first and then leaves its worker: it shows why it is
 * to pause at once, and the phase `paused` when it has.
 * @throws UserError when there is nothing to pause or to resume
 */
export async function pauseLatest(owner: RunOwner, pause: boolean, orchestration: Orchestration): Promise<void> {
  const run = await findRun(owner, undefined);
  const name = `${nameOf(owner.kind)} ${owner.id}`;
  if (!isFinal(run.status)) {
    if (!pause && run.pause_reason === null) throw new WrongStateError(name, run.status, 'not paused');
    if (!pause && PAUSES_OF_SWEEP.includes(run.pause_reason)) throw await heldBySweep(name, owner);
    // One that only waits in the line is a row, and nothing else.
    if (await setPauseReasonInLine(run.id, pause ? PAUSE_WAS_ASKED : null)) return;
    if (await orchestration.pauseTraining(await workflowOf(run), pause))
      return await noteAsked(run.id, { to: pause ? 'pause' : 'resume' });
    await run.reload();
  }
  throw new WrongStateError(name, run.status, `cannot be ${pause ? 'paused' : 'resumed'} any more`);
}

async function heldBySweep(name: string, { kind, id }: RunOwner): Promise<UserError> {
  const options = { attributes: ['sweep_id'] };
  const owner = kind === 'job' ? await Job.findByPk(id, options) : await Project.findByPk(id, options);
  return new UserError(
    `${name} is a run of sweep ${owner?.sweep_id}, which lets it go on by itself. Resume the sweep if it is paused; cancel it to start its ${kind}s by themselves.`,
  );
}

/** How an owner runs again. `force`: although it would not fit. `download`: undefined, as the run before. */
export interface Again extends AskedQueue {
  fresh: boolean;
  force?: boolean | undefined;
  download?: boolean | undefined;
}

/**
 * Runs again. Not fresh: with the same settings and data as the latest run, which failed or was cancelled, from its last
 * checkpoint. Fresh: from step 0, with `newSpec`.
 * @throws RunAlreadyOpenError; UserError when it is completed, cannot fit or cannot have its model, NotFoundError when it was deleted meanwhile
 */
export async function startAgain(
  owner: RunOwner,
  { fresh, force, download, ...queue }: Again,
  env: Env,
  newSpec: () => Promise<RunSpec>,
  transaction: Transaction,
): Promise<void> {
  await lockOwner(owner, transaction);
  const latest = await Run.findOne({ where: runsOf(owner), order: [['number', 'DESC']], transaction });
  if (!fresh && latest?.status === 'completed') {
    throw new UserError(
      `${nameOf(owner.kind)} ${owner.id} is completed. To train it again from the start, send {"fresh": true}.`,
    );
  }
  const resumes = fresh ? null : latest;
  if (resumes) await requireNotRemoved(resumes, transaction);
  const asked = resumes?.spec ?? (await newSpec());
  const spec = { ...asked, download: download ?? latest?.spec.download };
  await requireModels(env, owner.kind, spec, resumes);
  await requireFit(env, spec, { force, resumes: resumes !== null });
  if (spec.followed_by) await requireFit(env, spec.followed_by, { force });
  await requireAfter(queue, owner, transaction);
  // What it had to wait for is over; what it is worth is not.
  const asBefore = { ...AS_ITS_TURN_COMES, priority: latest?.priority ?? AS_ITS_TURN_COMES.priority };
  await createRun(owner, spec, transaction, resumes, queueChoices(queue, asBefore));
}

/**
 * Deletes a job or project with its runs. Their working files and figures are noted with it and removed behind the answer (see
 * tidy.ts): there may be millions of rows. What was published stays: it is the user's.
 * @throws ConflictError while a run has not ended
 */
export async function deleteOwner(owner: RunOwner): Promise<void> {
  const sequelize = connection();
  await sequelize.transaction(async (transaction) => {
    await lockOwner(owner, transaction);
    const found = await Run.findAll({ where: runsOf(owner), lock: true, transaction });
    const open = found.find((run) => !isFinal(run.status) || (run.workflow_started_at && !run.workflow_closed_at));
    if (open) {
      throw new ConflictError(
        `Run ${open.number} of ${owner.kind} ${owner.id} is ${isFinal(open.status) ? 'just ending' : open.status}. Cancel it, or wait for its end, then delete.`,
      );
    }
    const left = found.map(({ id, workflow_id, spec }) => {
      return { id, workflow_id, spec: { output_directory: spec.output_directory } };
    });
    await DeletedRun.bulkCreate(left, { transaction });
    const where = { id: owner.id };
    await (owner.kind === 'job' ? Job.destroy({ where, transaction }) : Project.destroy({ where, transaction }));
  });
}
