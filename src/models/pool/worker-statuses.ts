/** `starting` is our own: the process was asked for and has not reported yet. Internal: the API shows it as `stopped`. */
export const WORKER_STATUSES = ['starting', 'idle', 'busy', 'stopped', 'error'] as const;
export type WorkerStatus = (typeof WORKER_STATUSES)[number];
