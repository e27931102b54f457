import { Context } from '@temporalio/activity';
import { enqueue } from '../models/pause.ts';
import type { GaveWay, RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';
import type { Turnstile } from './turnstile.ts';

const HEARTBEAT_EVERY_MS = 5_000;

/**
 * Puts a run into the line, and returns when it is its turn: a worker is free, or will be next. Null then; or it is paused
 * and leaves the line. May run twice: the second time the run is queued, or further, already.
 */
export function createQueueRun(line: Turnstile) {
  return async function queueRun({ runId }: RunRef): Promise<GaveWay | null> {
    if (!(await enqueue({ runId, from: ['pending'] }))) await openRun(runId);
    const context = Context.current();
    const alive = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
    try {
      return await line.turn(runId, context.cancellationSignal);
    } finally {
      clearInterval(alive);
    }
  };
}
