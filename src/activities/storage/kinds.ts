import { forgetOldAudit } from '../../models/audit/read-audit.ts';
import type { StorageKind } from '../../models/storage/retention.ts';
import { deletedRuns } from './deleted-runs.ts';
import { mixtures, starts, trainerCache, workerLogs } from './kept-files.ts';
import type { Kind } from './kind.ts';
import { oldExports } from './old-exports.ts';
import { oldRows } from './old-rows.ts';
import { checkpointsOf } from './run-checkpoints.ts';
import { runEvents, runMetrics } from './thinned-runs.ts';
import { uploadedOriginals } from './uploaded-originals.ts';

/** How each kind of RETENTION is found and removed. */
export const KINDS: Record<StorageKind, Kind> = {
  deleted_runs: deletedRuns,
  idempotency_keys: oldRows({
    name: 'idempotency_keys',
    table: 'idempotency_keys',
    column: 'created_at',
    thing: 'keys',
    title: 'Idempotency-Keys with their answers',
  }),
  // What is still to be told has no end, and stays.
  notification_deliveries: oldRows({
    name: 'notification_deliveries',
    table: 'notification_deliveries',
    column: 'finished_at',
    thing: 'deliveries',
    title: 'deliveries to receivers',
  }),
  audit: oldRows({
    name: 'audit',
    table: 'audit',
    column: 'created_at',
    thing: 'rows',
    title: 'rows of the list of who did what',
    forget: forgetOldAudit,
  }),
  worker_logs: workerLogs,
  mixtures,
  starts,
  trainer_cache: trainerCache,
  run_events: runEvents,
  run_metrics: runMetrics,
  exports: oldExports,
  uploaded_originals: uploadedOriginals,
  checkpoints_of_completed_runs: checkpointsOf('checkpoints_of_completed_runs', ['completed']),
  checkpoints_of_failed_runs: checkpointsOf('checkpoints_of_failed_runs', ['failed', 'cancelled']),
};
