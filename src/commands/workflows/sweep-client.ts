import type { Sweep } from '../../models/sweeps/sweep.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { sweepWorkflow } from '../../workflows/index.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about sweeps. */
export interface Sweeps {
  /** Starts the workflow of a sweep unless it is open. One that has ended, or that somebody ended, is started anew. */
  startSweep(sweep: Sweep): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

export function sweepsOf({ within }: Pick<Calls, 'within'>): Sweeps {
  return {
    startSweep: ({ id: sweepId, name }) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        await client.workflow.start<typeof sweepWorkflow>('sweepWorkflow', {
          workflowId: `sweep-${sweepId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ sweepId }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `Sweep ${sweepId}: ${name}`.slice(0, 200),
          staticDetails: `Sweep ${sweepId}: \`GET /api/v1/sweeps/${sweepId}\`. Its runs are workflows of their own.`,
        });
      }),
  };
}
