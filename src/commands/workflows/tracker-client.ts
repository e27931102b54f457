import type { TrackerDelivery } from '../../models/trackers/tracker-delivery.ts';
import type { Env } from '../../platform/env.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { trackerDeliveryWorkflow } from '../../workflows/index.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about trackers. */
export interface TrackerDeliveries {
  /** Starts the workflow of a delivery unless it is open. One that has ended, or that somebody ended, is started anew. */
  startTrackerDelivery(delivery: TrackerDelivery): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

export function trackerDeliveriesOf(env: Env, { within }: Pick<Calls, 'within'>): TrackerDeliveries {
  return {
    startTrackerDelivery: ({ id: deliveryId, run_id, tracker }) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        await client.workflow.start<typeof trackerDeliveryWorkflow>('trackerDeliveryWorkflow', {
          workflowId: `tracker-delivery-${deliveryId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ deliveryId, heartbeatTimeoutMs: env.heartbeatTimeoutMs }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `Tell ${tracker} of run ${run_id}`,
        });
      }),
  };
}
