import type { StorageKind } from '../../models/storage/retention.ts';
import { deletedRuns } from './deleted-runs.ts';
import { idempotencyKeys } from './idempotency-keys.ts';
import { mixtures, starts, trainerCache, workerLogs } from './kept-files.ts';
import type { Kind } from './kind.ts';
import { notificationDeliveries } from './notification-deliveries.ts';
import { oldExports } from './old-exports.ts';
import { checkpointsOf } from './run-checkpoints.ts';

/** How each kind of RETENTION is found and removed. */
export const KINDS: Record<StorageKind, Kind> = {
  deleted_runs: deletedRuns,
  idempotency_keys: idempotencyKeys,
  notification_deliveries: notificationDeliveries,
  worker_logs: workerLogs,
  mixtures,
  starts,
  trainer_cache: trainerCache,
  exports: oldExports,
  checkpoints_of_completed_runs: checkpointsOf('checkpoints_of_completed_runs', ['completed']),
  checkpoints_of_failed_runs: checkpointsOf('checkpoints_of_failed_runs', ['failed', 'cancelled']),
};
