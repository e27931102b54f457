import { ApplicationFailure, Context } from '@temporalio/activity';
import { isMovedByDrain } from '../../models/pool/drain.ts';
import { interruptionsOf } from '../../models/runs/interruptions.ts';
import { claimLease, type Lease, noteRefusedWrite, releaseLease, renewLease } from '../../models/runs/lease.ts';
import type { Run } from '../../models/runs/run.ts';
import type { RunPhase } from '../../models/runs/statuses.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Claim } from '../../runs/run-folder.ts';
import { FAILURE_TYPES, type GaveWay } from '../../workflows/contract.ts';
import { noRoomIn } from './full-disk.ts';
import { leaseTiming } from './timing.ts';

/** Why the work under a lease must end before it is done. */
export type StopReason =
  /** The user cancelled the run, or the workflow was cancelled. */
  | 'cancelled'
  /** Another worker holds the run now. */
  | 'superseded'
  /** No renewal was acknowledged in time: another worker may hold the run any moment. */
  | 'lease_lost'
  /** This worker was asked to stop: save and hand the run back. */
  | 'worker_stopping'
  /** The run is to hold no worker: save and hand it back. */
  | 'paused'
  /** Temporal gave this attempt up (it had not heard of it for too long, or somebody reset or ended the workflow). */
  | 'abandoned';

/** The run goes on after these: what it has done is saved first. */
export const SAVE_BEFORE: readonly StopReason[] = ['worker_stopping', 'paused', 'abandoned'];

/** What the Temporal Web UI shows of a pending activity: how far it is, and why it is another attempt. */
export type Progress = Record<string, string | number | string[] | null>;

/** What the work under a lease knows of it. */
export interface Hold extends Claim {
  lease: Lease;
  /** When the run was claimed, of performance.now(). */
  claimedAtMs: number;
  /** Aborted, with a StopReason, once the work must end. */
  stop: AbortSignal;
  /** For how long the work may go on, were the lease not renewed any more. Negative: it must have ended. */
  goodForMs(): number;
  /** Tells `listener`, now and after each renewal, for how long the work may go on. */
  onProlonged(listener: (goodForMs: number) => void): void;
  /** Shows how far the work is, with the heartbeats. */
  show(progress: Progress): void;
}

/** Thrown by work that gave way to a stop. */
export class Stopped extends Error {}

/** Thrown by work that has come to the step at which its run is to be compared with others. */
export class Held extends Error {}

/** Thrown by work that saw by itself that its lease was not prolonged. */
export class LeaseLost extends Error {}

/**
 * Claims the run, does `work` while the lease is renewed and Temporal gets its heartbeats, and hands the run back to the
 * queue when it is done.
 *
 * @returns null when it is done; or why it gave way: the run is handed back then, and waits until it is resumed; or it had no
 * turn any more, and goes to the line again.
 *
 * May run twice: the claim gives each attempt an epoch of its own, and writes of an older epoch are refused.
 */
export async function underLease(
  options: {
    runId: number;
    logger: Logger;
    workerId: string;
    /** The epoch of its last claim, as its files tell. */
    lastClaim: () => Promise<number>;
    phase: RunPhase;
    heartbeatTimeoutMs: number;
    workerStopping: AbortSignal;
    /** Why the run goes back to the queue when `work` is done. */
    doneReason: string;
    /** What is done about a full disk once the run is handed back, and the end of its reason. */
    makeRoom: () => Promise<string>;
  },
  work: (run: Run, hold: Hold) => Promise<void>,
): Promise<GaveWay | null> {
  const timing = leaseTiming(options.heartbeatTimeoutMs);
  const claim = await claimLease(
    options.runId,
    options.workerId,
    timing.ttlMs,
    options.phase,
    await options.lastClaim(),
  );
  if (claim.outcome === 'ended') {
    throw ApplicationFailure.nonRetryable(`The run is ${claim.run.status}.`, FAILURE_TYPES.runEnded);
  }
  if (claim.outcome === 'held') {
    // The slot is free while we wait for the lease to run out.
    throw ApplicationFailure.create({
      message: `The run is held by ${claim.byWorkerId ?? 'another worker'} for ${claim.forMs} ms more.`,
      type: 'LeaseHeld',
      nextRetryDelay: claim.forMs + 200,
    });
  }
  if (claim.outcome === 'paused') return { to: 'pause' };
  if (claim.outcome === 'not_its_turn') return { to: 'line' };
  if (claim.outcome === 'drained') {
    const message = `${options.workerId} is being drained: the run goes on with another worker.`;
    throw ApplicationFailure.create({ message, type: 'WorkerDrained', nextRetryDelay: '1s' });
  }
  const { lease, run } = claim;
  // All lines of a claim have these: with the run's id they join what other processes say of it.
  const log = options.logger.child({ runId: run.id, workflowId: run.workflow_id, epoch: lease.epoch });
  log.info({ phase: options.phase }, 'Claimed a run.');
  const { hold, end } = keepAlive(lease, timing, options.workerStopping);
  hold.show({ worker: lease.workerId, claim: lease.epoch });
  try {
    const interruptions = await interruptionsOf(options.runId);
    if (interruptions.length > 0) hold.show({ interruptions });
    await work(run, hold);
    await releaseLease(lease, options.doneReason);
    log.info({ reason: options.doneReason }, 'Handed the run on.');
    return null;
  } catch (error) {
    const { message } = error instanceof Error ? error : { message: String(error) };
    log.warn(
      { reason: hold.stop.aborted ? hold.stop.reason : 'failed', error: message },
      'The work on the run ended early.',
    );
    return await handBack(lease, hold.stop, error, options.makeRoom);
  } finally {
    end();
  }
}

/** Renews the lease, heartbeats, and aborts the hold with the reason once the work must end. Until `end`. */
function keepAlive(
  lease: Lease,
  timing: ReturnType<typeof leaseTiming>,
  workerStopping: AbortSignal,
): { hold: Hold; end: () => void } {
  const context = Context.current();
  const stop = new AbortController();
  const end = (reason: StopReason) => stop.abort(reason);
  const listeners: ((goodForMs: number) => void)[] = [];
  let acknowledgedAt = performance.now();
  const goodForMs = () => acknowledgedAt + timing.watchdogMs - performance.now();
  let renewing = false;
  let shown: Progress = {};
  const renew = async () => {
    context.heartbeat(shown);
    if (renewing) return;
    renewing = true;
    const askedAt = performance.now();
    try {
      const result = await renewLease(lease, timing.ttlMs);
      if (result === 'cancelled' || result === 'superseded') return end(result);
      // The lease counts from when the database renewed it, which was after we asked.
      acknowledgedAt = askedAt;
      for (const listener of listeners) listener(goodForMs());
      if (result === 'pausing') end('paused');
    } catch {
      // The database is away: the watchdog decides how long we may go on without it.
    } finally {
      renewing = false;
    }
  };
  const watch = () => {
    if (goodForMs() < 0) end('lease_lost');
  };
  const timers = [setInterval(renew, timing.renewEveryMs), setInterval(watch, Math.min(500, timing.renewEveryMs))];
  const onWorkerStopping = () => end('worker_stopping');
  const onCancelled = () => {
    if (workerStopping.aborted) return end('worker_stopping');
    end(context.cancellationDetails?.cancelRequested === false ? 'abandoned' : 'cancelled');
  };
  if (workerStopping.aborted) onWorkerStopping();
  workerStopping.addEventListener('abort', onWorkerStopping, { once: true });
  context.cancellationSignal.addEventListener('abort', onCancelled, { once: true });
  const hold: Hold = {
    lease,
    claimedAtMs: acknowledgedAt,
    epoch: lease.epoch,
    requireInForce: () => {
      if (stop.signal.aborted) throw new Stopped(`The work was stopped: ${String(stop.signal.reason)}.`);
      if (goodForMs() < 0) throw new LeaseLost();
    },
    show: (progress) => {
      shown = { ...shown, ...progress };
    },
    stop: stop.signal,
    goodForMs,
    onProlonged: (listener) => {
      listeners.push(listener);
      listener(goodForMs());
    },
  };
  const endKeepingAlive = () => {
    for (const timer of timers) clearInterval(timer);
    workerStopping.removeEventListener('abort', onWorkerStopping);
    context.cancellationSignal.removeEventListener('abort', onCancelled);
  };
  return { hold, end: endKeepingAlive };
}

/**
 * Gives the run back after work that failed or was stopped.
 * @returns why it gave way, where the run is to wait. @throws what Temporal is to be told otherwise
 */
async function handBack(
  lease: Lease,
  stop: AbortSignal,
  error: unknown,
  makeRoom: () => Promise<string>,
): Promise<GaveWay> {
  const reason = stop.aborted ? (stop.reason as StopReason) : null;
  if (reason === 'superseded' || reason === 'lease_lost' || error instanceof LeaseLost) {
    await noteRefusedWrite(lease, `Stopped: ${reason ?? 'lease_lost'}.`).catch(() => {});
    throw ApplicationFailure.create({ message: 'The lease went to another worker.', type: 'LeaseLost' });
  }
  switch (reason) {
    case 'cancelled':
      // A cancel that came through Temporal ends as a cancel; one that the database told of has ended the run already.
      if (Context.current().cancellationSignal.aborted) throw Context.current().cancellationSignal.reason ?? error;
      throw ApplicationFailure.nonRetryable('The run was cancelled.', FAILURE_TYPES.runEnded);
    case 'paused':
      await releaseLease(lease, 'paused');
      return { to: 'pause' };
    case 'worker_stopping':
      await releaseLease(lease, (await isMovedByDrain(lease.workerId)) ? 'drained' : 'worker_stopping');
      throw ApplicationFailure.create({
        message: 'The worker was stopped; the run goes on elsewhere.',
        type: 'WorkerStopping',
      });
    case 'abandoned':
      await releaseLease(lease, 'abandoned');
      throw ApplicationFailure.create({ message: 'Temporal gave this attempt up.', type: 'Abandoned' });
  }
  if (error instanceof Held) {
    await releaseLease(lease, 'held');
    return { to: 'hold' };
  }
  const noRoom = noRoomIn(error);
  if (noRoom !== null) {
    await releaseLease(lease, 'full_disk');
    return { to: 'full_disk', message: `${noRoom} ${await makeRoom()}` };
  }
  if (!(error instanceof ApplicationFailure && error.nonRetryable))
    await releaseLease(lease, 'failed_attempt', error instanceof Error ? error.message : String(error));
  throw error;
}
