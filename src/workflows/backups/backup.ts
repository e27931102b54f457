import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import { ORCHESTRATION_QUEUE } from '../contract.ts';
import type { BackupActivities, BackupEnd } from './contract.ts';

const { makeScheduledBackup } = proxyActivities<BackupActivities>({
  taskQueue: ORCHESTRATION_QUEUE,
  startToCloseTimeout: '3650 days',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  // Until it is made: the schedule begins no other beside it, and what was mended is seen soon.
  retry: { initialInterval: '10s', maximumInterval: '10 minutes', backoffCoefficient: 2 },
});

/** Makes one backup of the service. */
export async function backupWorkflow(): Promise<BackupEnd> {
  setCurrentDetails('**running** · what it does, or why it failed, stands under Pending Activities');
  const end = await makeScheduledBackup.executeWithOptions({ summary: 'Make a backup and verify it' }, []);
  setCurrentDetails(`**made**\n\n${end.folder}`);
  return end;
}
