import { fn, Op, type Transaction } from 'sequelize';
import { tellOfStatus } from '../notifications/tell-of-run.ts';
import { connection, Run } from './run.ts';
import { RunEvent } from './run-event.ts';
import { isFinal, type RunPhase, type RunStatus, sourcesOf } from './statuses.ts';

/** What else a transition may write, in the same statement as the status. */
type Along = Partial<
  Pick<
    Run,
    | 'error_class'
    | 'error_message'
    | 'lease_epoch'
    | 'lease_expires_at'
    | 'released_at'
    | 'worker_id'
    | 'output_path'
    | 'progress'
    | 'started_at'
  >
>;

/** What a run becomes. Every end of a run passes here: finishRun, a cancel, the dispatcher and the reconciler. */
export interface TransitionRequest {
  runId: number;
  to: RunStatus;
  phase: RunPhase;
  /** Only when the run is in one of these (default: every status from which the table allows `to`). */
  from?: RunStatus[];
  /** Not while the run is in one of these phases. */
  unlessIn?: RunPhase[];
  /** Only while this claim is the latest. */
  leaseEpoch?: number;
  set?: Along;
  /** Goes into the event beside the new status: why it happened. */
  why?: Record<string, unknown>;
  transaction?: Transaction;
}

/**
 * Compares and sets a run's status: the only place that writes one. Writes the event in the same transaction, and what receivers are to be told.
 * @returns the run as it is now, or null when it was not in a status (or claim) that allows the change.
 */
export async function transition(request: TransitionRequest): Promise<Run | null> {
  if (!request.transaction) {
    const sequelize = connection();
    return await sequelize.transaction((transaction) => transition({ ...request, transaction }));
  }
  const { runId, to, phase, unlessIn, leaseEpoch, set, why, transaction } = request;
  const allowed = sourcesOf(to);
  const from = request.from ? request.from.filter((status) => allowed.includes(status)) : allowed;
  const where = {
    id: runId,
    status: { [Op.in]: from },
    ...(unlessIn === undefined ? {} : { phase: { [Op.notIn]: unlessIn } }),
    ...(leaseEpoch === undefined ? {} : { lease_epoch: leaseEpoch }),
  };
  const [, [run]] = await Run.update(
    {
      ...set,
      status: to,
      phase,
      ...(isFinal(to)
        ? { finished_at: fn('now'), lease_expires_at: null, waiting_for: null, waiting_since: null }
        : {}),
    },
    { where, returning: true, transaction },
  );
  if (!run) return null;
  await RunEvent.create({ run_id: runId, kind: 'status', data: { status: to, phase, ...why } }, { transaction });
  await tellOfStatus(run, to, transaction);
  return run;
}

/** Changes the phase within a status, and says so in an event. Null when the run is not in `status` any more. */
export async function setPhase(runId: number, status: RunStatus, phase: RunPhase): Promise<Run | null> {
  const [, [run]] = await Run.update({ phase }, { where: { id: runId, status }, returning: true });
  if (!run) return null;
  await RunEvent.create({ run_id: runId, kind: 'phase', data: { phase } });
  return run;
}
