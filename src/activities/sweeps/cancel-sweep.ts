import { endSweep } from '../../models/sweeps/end-sweep.ts';
import type { SweepRef } from '../../workflows/contract.ts';

/** Its workflow was cancelled in Temporal: so is the sweep, with its runs. May run twice: the second time it has ended. */
export async function cancelSweep({ sweepId }: SweepRef): Promise<void> {
  await endSweep(sweepId);
}
