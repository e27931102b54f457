import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';
import type { StartPython } from '../../trainer/python-process.ts';

/** What the activities of one training worker process share. */
export interface TrainingWorkerContext {
  env: Env;
  /** An interpreter with the trainer's requirements, made when it is not there yet. */
  python(): Promise<string>;
  startPython: StartPython;
  leaseOptions(runId: number): {
    runId: number;
    logger: Logger;
    workerId: string;
    lastClaim: () => Promise<number>;
    heartbeatTimeoutMs: number;
    workerStopping: AbortSignal;
  };
  /** How long a trainer may take to save when the worker stops. */
  stopGraceMs: () => number;
  /** A trainer that says nothing for so long while it trains is hung; other phases may take longer, see stall-watch.ts. */
  stallTimeoutMs: number;
  /** Counts a run that this worker brought to its end. */
  countRun(): Promise<void>;
  /** Shows the worker as busy with this run while `work` lasts. */
  busyWith<T>(runId: number, work: () => Promise<T>): Promise<T>;
}
