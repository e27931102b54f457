import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import { RETRY } from '../contract.ts';
import { type DeliveryEnd, type DeliveryInput, TRACKER_QUEUE, type TrackerActivities } from './contract.ts';

/**
 * Tells a tracker what it does not have of a run. Ends where nothing new comes for a while: the dispatcher begins another one when there
 * is something, so that its history stays short however long the run is.
 */
export async function trackerDeliveryWorkflow({ deliveryId, heartbeatTimeoutMs }: DeliveryInput): Promise<DeliveryEnd> {
  const { deliverFigures } = proxyActivities<TrackerActivities>({
    taskQueue: TRACKER_QUEUE,
    startToCloseTimeout: '1 day',
    heartbeatTimeout: heartbeatTimeoutMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: RETRY,
  });
  setCurrentDetails('**delivering** · why it waits, where it does, stands under Pending Activities');
  const end = await deliverFigures({ deliveryId });
  setCurrentDetails(`**${end.status}**`);
  return end;
}
