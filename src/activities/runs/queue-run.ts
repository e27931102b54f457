import { Context } from '@temporalio/activity';
import { enqueue } from '../../models/runs/pause.ts';
import type { GaveWay, RunRef } from '../../workflows/contract.ts';
import { openRun } from './open-run.ts';
import type { Turnstile } from './turnstile.ts';

/**
 * Puts a run into the line, and returns when it is its turn: a worker is free, or will be next. Null then; or it is paused
 * and leaves the line. May run twice: the second time the run is queued, or further, already.
 */
export function createQueueRun(line: Turnstile) {
  return async function queueRun({ runId }: RunRef): Promise<GaveWay | null> {
    if (!(await enqueue({ runId, from: ['pending'] }))) await openRun(runId);
    return await line.turn(runId, Context.current().cancellationSignal);
  };
}
