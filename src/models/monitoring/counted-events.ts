import { TRAINING_TYPES } from '../../trainer/training-types.ts';
import { OPEN_STATUSES, RUN_STATUSES, type RunStatus } from '../runs/statuses.ts';

/** So much more of a counter, which has one value for each set of labels. */
export interface Count {
  name: CounterName;
  labels: Record<string, string>;
  by: number;
}

/** An event of a run, with what its run tells; null: the run was deleted before its event was counted. */
export interface CountedEvent {
  kind: string;
  data: Record<string, unknown>;
  trainingType: string | null;
  errorClass: string | null;
}

/** Counters that are made of events, each with what it says to who reads it. `mtm_` comes before their names. */
export const COUNTERS = {
  runs_created_total: 'Runs that were asked for',
  runs_ended_total: 'Runs that have ended, by status and training type',
  run_failures_total: 'Runs that have failed, by the class of their error',
  run_retries_total:
    'Attempts that ended before their stage was done, so that the run goes on in another one, by cause',
  lease_claims_total: 'Claims of a run by a worker',
  lease_losses_total: 'Leases that ran out while a worker held them: it died, hung, or was cut off',
  lease_refused_writes_total: 'Writes by workers whose lease had passed to another one, which were refused',
  trainer_crashes_total: 'Trainers that ended without saying why',
  out_of_memory_splits_total: 'Batches that were split since they did not fit into memory',
  reconciler_actions_total: 'Runs that contradicted their workflow and were mended',
  checkpoints_total: 'Checkpoints that were saved',
  checkpoint_bytes_total: 'Bytes of the checkpoints that were saved',
  checkpoint_seconds_total: 'Time from the step of each checkpoint until it was durable',
  checkpoint_stood_still_seconds_total: 'How much of that time the training stood still',
  checkpoints_quarantined_total: 'Checkpoints that did not verify and were put aside',
} as const;
export type CounterName = keyof typeof COUNTERS;

/** Why an attempt ends before its stage is done: `reason` of the event that puts the run back into the queue. */
export const RETRY_CAUSES = [
  'worker_lost',
  'worker_stopping',
  'drained',
  'abandoned',
  'paused',
  'held',
  'full_disk',
  'failed_attempt',
];
const ENDS: RunStatus[] = RUN_STATUSES.filter((status) => !OPEN_STATUSES.includes(status));
const UNKNOWN = 'unknown';

/** The values that are there from the beginning, as 0: an alert on an increase misses the first one otherwise. */
export const FROM_THE_BEGINNING: Pick<Count, 'name' | 'labels'>[] = (Object.keys(COUNTERS) as CounterName[]).flatMap(
  (name) => labelsOf(name).map((labels) => ({ name, labels })),
);

/** All that are known beforehand: classes of errors are not. */
function labelsOf(name: CounterName): Count['labels'][] {
  const ofTypes = TRAINING_TYPES.map((training_type) => ({ training_type }));
  switch (name) {
    case 'runs_created_total':
      return ofTypes;
    case 'runs_ended_total':
      return ENDS.flatMap((status) => ofTypes.map((labels) => ({ status, ...labels })));
    case 'run_retries_total':
      return RETRY_CAUSES.map((cause) => ({ cause }));
    case 'run_failures_total':
      return [];
    default:
      return [{}];
  }
}

type Counting = (event: CountedEvent) => Count[];

/** What each kind of event counts as. The index run_events_counted has these kinds: a new one needs a migration. */
const COUNTED: Record<string, Counting> = {
  batch_split: () => [one('out_of_memory_splits_total')],
  checkpoint: ({ data: { bytes, seconds, waited_seconds = seconds } }) => [
    one('checkpoints_total'),
    { name: 'checkpoint_bytes_total', labels: {}, by: Number(bytes) },
    { name: 'checkpoint_seconds_total', labels: {}, by: Number(seconds) },
    // Older trainers stood still all the time.
    { name: 'checkpoint_stood_still_seconds_total', labels: {}, by: Number(waited_seconds) },
  ],
  quarantined: () => [one('checkpoints_quarantined_total')],
  reconciled: () => [one('reconciler_actions_total')],
  refused_write: () => [one('lease_refused_writes_total')],
  status: ofStatus,
  trainer_crashed: () => [one('trainer_crashes_total')],
};
export const COUNTED_KINDS = Object.keys(COUNTED).sort();

export function countsOf(event: CountedEvent): Count[] {
  return COUNTED[event.kind]?.(event) ?? [];
}

function ofStatus({ data: { status, reason, lease_epoch }, trainingType, errorClass }: CountedEvent): Count[] {
  const training_type = trainingType ?? UNKNOWN;
  if (status === 'pending') return [one('runs_created_total', { training_type })];
  // A run that is published is running too, without a lease.
  if (status === 'running') return lease_epoch === undefined ? [] : [one('lease_claims_total')];
  if (status === 'queued' && typeof reason === 'string' && RETRY_CAUSES.includes(reason))
    return [
      one('run_retries_total', { cause: reason }),
      ...(reason === 'worker_lost' ? [one('lease_losses_total')] : []),
    ];
  const end = ENDS.find((each) => each === status);
  if (end === undefined) return [];
  return [
    one('runs_ended_total', { status: end, training_type }),
    ...(end === 'failed' ? [one('run_failures_total', { error_class: errorClass ?? UNKNOWN })] : []),
  ];
}

function one(name: CounterName, labels: Record<string, string> = {}): Count {
  return { name, labels, by: 1 };
}
