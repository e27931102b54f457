import { CancellationScope, isCancellation, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import {
  type DownloadEnd,
  type DownloadInput,
  type HostActivities,
  hostQueue,
  LIGHT,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  RETRY,
} from '../contract.ts';

const { cancelDownload } = proxyActivities<Pick<OrchestrationActivities, 'cancelDownload'>>({
  ...LIGHT,
  taskQueue: ORCHESTRATION_QUEUE,
  retry: RETRY,
});

/**
 * Work on a download, until it ends or is paused. The host has the cache, so it does all of it; what is asked of the download
 * meanwhile is in its row, which the host looks at. So this has one activity, however long it takes.
 */
export async function modelDownloadWorkflow(input: DownloadInput): Promise<DownloadEnd> {
  const { downloadId, name, revision, host, heartbeatTimeoutMs } = input;
  const { downloadModel } = proxyActivities<Pick<HostActivities, 'downloadModel'>>({
    taskQueue: hostQueue(host),
    startToCloseTimeout: '3650 days',
    heartbeatTimeout: heartbeatTimeoutMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: RETRY,
  });
  const what = `\`${name}\`, revision \`${revision}\`, into the model cache of ${host}.`;
  const show = (head: string) => setCurrentDetails(`**${head}**\n\n${what}`);
  setCurrentDetails(`**running** · how far it is, or why it waits, stands under Pending Activities\n\n${what}`);
  try {
    const end = await downloadModel.executeWithOptions({ summary: `Fetch and verify its files on ${host}` }, [
      { downloadId },
    ]);
    show(end.status);
    return end;
  } catch (error) {
    show(isCancellation(error) ? 'cancelled' : 'failed');
    // Somebody cancelled it in Temporal: the row must say so, or it would be begun again.
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelDownload({ downloadId }));
    throw error;
  }
}
