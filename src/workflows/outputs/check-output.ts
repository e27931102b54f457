import { proxyActivities } from '@temporalio/workflow';
import { type HostActivities, hostQueue } from '../contract.ts';

/** Checks a published model on a host that has the trainer, for a user who waits for the answer. */
export async function checkOutputWorkflow(input: { runId: number; host: string }): Promise<unknown> {
  const { checkOutput } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(input.host),
    scheduleToStartTimeout: '15s',
    startToCloseTimeout: '30 minutes',
    heartbeatTimeout: '30s',
    retry: { maximumAttempts: 2 },
  });
  return await checkOutput.executeWithOptions({ summary: 'Check files and loading' }, [{ runId: input.runId }]);
}
