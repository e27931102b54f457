import { CancellationScope, isCancellation, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import {
  type ExportEnd,
  type ExportInput,
  type HostActivities,
  hostQueue,
  LIGHT,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  RETRY,
} from '../contract.ts';

const { abandonExport } = proxyActivities<Pick<OrchestrationActivities, 'abandonExport'>>({
  ...LIGHT,
  taskQueue: ORCHESTRATION_QUEUE,
  retry: RETRY,
});

/**
 * Makes an export on one host. Where that host is away for a minute this ends, and the dispatcher begins another one, on a host that is there.
 */
export async function exportWorkflow(input: ExportInput): Promise<ExportEnd> {
  const { exportId, host, heartbeatTimeoutMs } = input;
  const { makeExport } = proxyActivities<Pick<HostActivities, 'makeExport'>>({
    taskQueue: hostQueue(host),
    scheduleToStartTimeout: '1 minute',
    startToCloseTimeout: '3650 days',
    heartbeatTimeout: heartbeatTimeoutMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: RETRY,
  });
  setCurrentDetails('**running** · how far it is, or why it waits, stands under Pending Activities');
  try {
    const end = await makeExport.executeWithOptions({ summary: `Make and prove it on ${host}` }, [{ exportId }]);
    setCurrentDetails(`**${end.status}**`);
    return end;
  } catch (error) {
    setCurrentDetails(isCancellation(error) ? '**cancelled**' : '**failed**');
    // Somebody cancelled it in Temporal: the row must say so, or it would be begun again.
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => abandonExport({ exportId }));
    throw error;
  }
}
