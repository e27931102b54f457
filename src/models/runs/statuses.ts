/** The six statuses that users see. */
export const RUN_STATUSES = ['pending', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The one table of transitions of a run: from each status to those that may follow. */
export const TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  pending: ['queued', 'failed', 'cancelled'],
  queued: ['running', 'failed', 'cancelled'],
  running: ['queued', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** The statuses from which `to` may be reached. */
export function sourcesOf(to: RunStatus): RunStatus[] {
  return RUN_STATUSES.filter((from) => TRANSITIONS[from].includes(to));
}

/** True for completed, failed and cancelled: nothing follows them. */
export function isFinal(status: RunStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** The statuses of runs that have not ended. */
export const OPEN_STATUSES = RUN_STATUSES.filter((status) => !isFinal(status));

/** Says more than the status about where a run is. */
export const RUN_PHASES = [
  'waiting',
  'preparing_data',
  'verifying_model',
  'downloading_model',
  'waiting_for_worker',
  'paused',
  'loading',
  'training',
  'exporting',
  'validating',
  'publishing',
  'recovering',
  'finished',
] as const;
export type RunPhase = (typeof RUN_PHASES)[number];
