import { CancellationScope, isCancellation, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import {
  LIGHT,
  LINE_QUEUE,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  RETRY,
  type SweepJudgement,
  type SweepRef,
} from '../contract.ts';

const { judgeRuns, cancelSweep } = proxyActivities<Pick<OrchestrationActivities, 'judgeRuns' | 'cancelSweep'>>({
  ...LIGHT,
  taskQueue: ORCHESTRATION_QUEUE,
  retry: RETRY,
});

/** As long as runs train: alive only while it heartbeats. */
const { gatherRuns } = proxyActivities<Pick<OrchestrationActivities, 'gatherRuns'>>({
  taskQueue: LINE_QUEUE,
  startToCloseTimeout: '3650 days',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: RETRY,
});

/**
 * A sweep: gathers its runs at a rung, compares them, and again, until all have ended. Which rung is next is in the database, with all
 * else: a sweep whose workflow was lost goes on with another one.
 */
export async function sweepWorkflow({ sweepId }: SweepRef): Promise<SweepJudgement> {
  try {
    for (;;) {
      await gatherRuns.executeWithOptions({ summary: 'Wait until its runs can be compared' }, [{ sweepId }]);
      const judged = await judgeRuns.executeWithOptions({ summary: 'Compare its runs' }, [{ sweepId }]);
      setCurrentDetails(`**${judged.status}**\n\n${judged.sentence}`);
      if (judged.status !== 'running' && judged.status !== 'paused') return judged;
    }
  } catch (error) {
    // Somebody cancelled it in Temporal: the rows must say so, or it would be begun again.
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelSweep({ sweepId }));
    throw error;
  }
}
