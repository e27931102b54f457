import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import {
  DATA_QUEUE,
  LIGHT,
  LINE_QUEUE,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  RETRY,
  TRAINING_QUEUE,
  type TrainingActivities,
} from '../contract.ts';

export const light = proxyActivities<OrchestrationActivities>({
  ...LIGHT,
  taskQueue: ORCHESTRATION_QUEUE,
  retry: RETRY,
});

/** Mixing may read gigabytes: long, but alive only while it heartbeats. */
export const data = proxyActivities<Pick<OrchestrationActivities, 'prepareData' | 'verifyModel'>>({
  taskQueue: DATA_QUEUE,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: RETRY,
});

/** As long as others are before it, or its model comes in: alive only while it heartbeats. */
export const line = proxyActivities<Pick<OrchestrationActivities, 'queueRun' | 'awaitDownload'>>({
  taskQueue: LINE_QUEUE,
  startToCloseTimeout: '3650 days',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...RETRY, maximumInterval: '3s' },
});

export const display = proxyLocalActivities<Pick<OrchestrationActivities, 'describeRun'>>({
  startToCloseTimeout: '10s',
  retry: { maximumAttempts: 1 },
});

/** The same, and soon: a run that lost its worker for the tenth time has another after the heartbeat timeout and this. */
const RETRY_TRAINING = { ...RETRY, maximumInterval: '3s' } as const;

/** Those of training workers, one of which is believed dead after so long without a sign of it. */
export function trainingActivities(heartbeatTimeoutMs: number) {
  return proxyActivities<TrainingActivities>({
    taskQueue: TRAINING_QUEUE,
    startToCloseTimeout: '3650 days',
    heartbeatTimeout: heartbeatTimeoutMs,
    // The workflow goes on to its end only when the trainer has stopped.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: RETRY_TRAINING,
  });
}
