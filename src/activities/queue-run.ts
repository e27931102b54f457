import { enqueue } from '../models/pause.ts';
import type { RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** Says that the run waits for a worker. May run twice: the second time the run is queued, or further, already. */
export async function queueRun({ runId }: RunRef): Promise<void> {
  if (!(await enqueue({ runId, from: ['pending'] }))) await openRun(runId);
}
