/** The entry of the workflow bundle: what the orchestrator can run. */
export { backupWorkflow } from './backups/backup.ts';
export { modelDownloadWorkflow } from './base-models/model-download.ts';
export { exportWorkflow } from './exports/export.ts';
export { notificationWorkflow } from './notifications/notification.ts';
export { checkOutputWorkflow } from './outputs/check-output.ts';
export { workerPoolWorkflow } from './pool/worker-pool.ts';
export { trainingWorkflow } from './runs/training.ts';
export { sweepWorkflow } from './sweeps/sweep.ts';
export { trackerDeliveryWorkflow } from './trackers/tracker-delivery.ts';
