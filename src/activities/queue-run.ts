import { transition } from '../models/transition.ts';
import type { RunRef } from '../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** Says that the run waits for a worker. May run twice: the second time the run is queued, or further, already. */
export async function queueRun({ runId }: RunRef): Promise<void> {
  const queued = await transition({ runId, from: ['pending'], to: 'queued', phase: 'waiting_for_worker' });
  if (!queued) await openRun(runId);
}
