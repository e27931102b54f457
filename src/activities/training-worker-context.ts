import type { Env } from '../env.ts';

/** What the activities of one training worker process share. */
export interface TrainingWorkerContext {
  env: Env;
  /** An interpreter with the trainer's requirements, made when it is not there yet. */
  python(): Promise<string>;
  leaseOptions(runId: number): {
    runId: number;
    workerId: string;
    heartbeatTimeoutMs: number;
    workerStopping: AbortSignal;
  };
  /** How long a trainer may take to save when the worker stops. */
  stopGraceMs: () => number;
  /** Shows the worker as busy with this run while `work` lasts. */
  busyWith<T>(runId: number, work: () => Promise<T>): Promise<T>;
}
