import { QueryTypes, type Transaction } from 'sequelize';
import { drainForClaim } from '../pool/drain.ts';
import { enqueue } from './pause.ts';
import { connection, Run } from './run.ts';
import { RunEvent } from './run-event.ts';
import { isFinal, type RunPhase } from './statuses.ts';
import { transition } from './transition.ts';

/** The right to train a run, until `expiresAt` unless renewed. Its epoch marks every write of its holder. */
export interface Lease {
  runId: number;
  epoch: number;
  workerId: string;
}

export type ClaimResult =
  | { outcome: 'claimed'; lease: Lease; run: Run }
  /** Somebody else holds it for so many milliseconds more, unless they renew it. */
  | { outcome: 'held'; byWorkerId: string | null; forMs: number }
  /** It is to hold no worker now. */
  | { outcome: 'paused' }
  /** Its turn was taken back: it goes to the line again. */
  | { outcome: 'not_its_turn' }
  /** The worker takes no run: this one, which had a worker before, is for another. */
  | { outcome: 'drained' }
  | { outcome: 'ended'; run: Run };

/** The database's clock decides when a lease ends: the clocks of workers may differ. */
async function databaseNow(transaction: Transaction): Promise<number> {
  const [row] = await connection().query<{ now: Date }>('SELECT now() AS now', {
    type: QueryTypes.SELECT,
    transaction,
  });
  if (!row) throw new Error('The database did not tell its time.');
  return new Date(row.now).getTime();
}

/**
 * Claims a queued run, or one whose holder let its lease run out, and gives out the next epoch. From then on nothing
 * that an earlier holder writes is accepted.
 * @param after an epoch that is known to have been given out, beside those that the row knows of
 */
export async function claimLease(
  runId: number,
  workerId: string,
  ttlMs: number,
  phase: RunPhase,
  after = 0,
): Promise<ClaimResult> {
  return await connection().transaction(async (transaction) => {
    const run = await Run.findByPk(runId, { transaction, lock: transaction.LOCK.UPDATE, rejectOnEmpty: true });
    const nowMs = await databaseNow(transaction);
    if (isFinal(run.status)) return { outcome: 'ended', run };
    // Its workflow has come this far: the row is of a backup from before that.
    if (run.status === 'pending')
      await transition({
        runId,
        to: 'queued',
        phase: 'waiting_for_worker',
        why: { reason: 'reconciled' },
        transaction,
      });
    const forMs = (run.lease_expires_at?.getTime() ?? 0) - nowMs;
    if (run.status === 'running') {
      if (forMs > 0) return { outcome: 'held', byWorkerId: run.worker_id, forMs };
      await transition({
        runId,
        to: 'queued',
        phase: 'recovering',
        why: { reason: 'worker_lost', worker_id: run.worker_id, lease_epoch: run.lease_epoch },
        transaction,
      });
    }
    if (run.pause_reason !== null) {
      await Run.update(
        { phase: 'paused', worker_id: null, lease_expires_at: null },
        { where: { id: runId }, transaction },
      );
      return { outcome: 'paused' };
    }
    const isRefused = await drainForClaim(workerId, run.id, transaction);
    if (run.lease_epoch === 0 && (isRefused || run.barred || run.recalled_at !== null)) {
      await run.update({ released_at: null, recalled_at: null }, { transaction });
      return { outcome: 'not_its_turn' };
    }
    if (isRefused) return { outcome: 'drained' };
    const epoch = Math.max(run.lease_epoch, after) + 1;
    const claimed = await transition({
      runId,
      to: 'running',
      phase,
      set: {
        lease_epoch: epoch,
        released_at: null,
        lease_expires_at: new Date(nowMs + ttlMs),
        worker_id: workerId,
        started_at: run.started_at ?? new Date(nowMs),
      },
      why: { worker_id: workerId, lease_epoch: epoch },
      transaction,
    });
    if (!claimed) throw new Error(`Run ${runId} was locked and still changed its status.`);
    const lease = { runId, epoch, workerId };
    return { outcome: 'claimed', lease, run: claimed };
  });
}

/**
 * Prolongs a lease that is still the latest of a running run.
 * @returns 'renewed'; 'pausing' when it was renewed so that its holder can save and hand the run back; or why it was not:
 * the run was cancelled (or ended otherwise), or claimed by somebody else.
 */
export async function renewLease(
  lease: Lease,
  ttlMs: number,
): Promise<'renewed' | 'pausing' | 'cancelled' | 'superseded'> {
  const [renewed] = await connection().query<{ pause_reason: string | null }>(
    `UPDATE runs SET lease_expires_at = now() + make_interval(secs => $ttlMs / 1000.0), lease_renewals = lease_renewals + 1
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running' RETURNING pause_reason`,
    { bind: { ttlMs, runId: lease.runId, epoch: lease.epoch }, type: QueryTypes.SELECT },
  );
  if (renewed) return renewed.pause_reason === null ? 'renewed' : 'pausing';
  const run = await Run.findByPk(lease.runId, { attributes: ['status', 'lease_epoch'] });
  return run?.status === 'cancelled' ? 'cancelled' : 'superseded';
}

/** Hands a run back to the queue: its holder stops, and another may claim it at once. */
export async function releaseLease(lease: Lease, reason: string, message?: string): Promise<void> {
  await enqueue({
    runId: lease.runId,
    leaseEpoch: lease.epoch,
    set: { lease_expires_at: null, worker_id: null },
    why: { reason, ...(message === undefined ? {} : { message }), worker_id: lease.workerId, lease_epoch: lease.epoch },
  });
}

/** Notes that the holder of an outdated lease tried to write, and that it was refused. */
export async function noteRefusedWrite(lease: Lease, what: string): Promise<void> {
  await RunEvent.create({
    run_id: lease.runId,
    kind: 'refused_write',
    data: { what, worker_id: lease.workerId, lease_epoch: lease.epoch },
  });
}
