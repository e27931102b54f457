import type { Env } from '../../platform/env.ts';

/**
 * What may be removed after a time, in the order in which it goes: from what is worth nothing to what is dear. `days`: how long it is kept
 * unless the configuration says otherwise; null: for ever. `leastDays`: somebody may be about to take what is younger.
 */
export const RETENTION = {
  deleted_runs: { what: 'files, events and figures of runs that were deleted', days: 0, leastDays: 0 },
  idempotency_keys: { what: 'answers to requests with an Idempotency-Key', days: 7, leastDays: 1 },
  notification_deliveries: { what: 'what was told to receivers, and what came of it', days: 30, leastDays: 1 },
  audit: { what: 'the list of who did what', days: 365, leastDays: 1 },
  worker_logs: { what: 'logs of training workers', days: 30, leastDays: 1 },
  mixtures: { what: 'mixtures of rows that no run has any more', days: 1, leastDays: 1 / 24 },
  starts: { what: 'weights that runs began from which need them no more', days: 1, leastDays: 1 / 24 },
  trainer_cache: { what: 'what trainers keep for one another', days: 30, leastDays: 1 },
  run_events: {
    what: 'events that only told how far runs were; all that says what happened stays',
    days: 180,
    leastDays: 1,
  },
  run_metrics: {
    what: 'steps of runs with more than 4,096; their extremes, means, held-out losses and checkpoints stay',
    days: 180,
    leastDays: 1,
  },
  exports: { what: 'exports of runs that are neither the latest version nor the candidate', days: null, leastDays: 0 },
  uploaded_originals: {
    what: 'files as they were uploaded, of which the rows are there as Parquet',
    days: null,
    leastDays: 1,
  },
  checkpoints_of_completed_runs: {
    what: 'checkpoints and token caches of completed runs; their published models stay',
    days: 7,
    leastDays: 0,
  },
  checkpoints_of_failed_runs: {
    what: 'checkpoints and token caches of failed and cancelled runs, which could be gone on with',
    days: 180,
    leastDays: 0,
  },
} as const satisfies Record<string, { what: string; days: number | null; leastDays: number }>;

export type StorageKind = keyof typeof RETENTION;
export const STORAGE_KINDS = Object.keys(RETENTION) as StorageKind[];

/** For how many days each kind is kept; null: for ever. */
export type Retention = Record<StorageKind, number | null>;

/** What was chosen, else what a variable says, else the default. */
export function retentionOf(
  { retention: chosen }: { retention: Partial<Retention> },
  { keepWorkDays, keepAuditDays }: Pick<Env, 'keepWorkDays' | 'keepAuditDays'>,
): Retention {
  const usual: Partial<Retention> = { checkpoints_of_completed_runs: keepWorkDays, audit: keepAuditDays };
  const days = STORAGE_KINDS.map((kind) => {
    const kept = chosen[kind] === undefined ? (usual[kind] ?? RETENTION[kind].days) : chosen[kind];
    // Whoever has the machine says how long at least: nobody removes by the API what tells of them.
    return [kind, kind === 'audit' && kept !== null ? Math.max(kept, keepAuditDays) : kept] as const;
  });
  return Object.fromEntries(days) as Retention;
}
