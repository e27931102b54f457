import type { ValidationResult } from '../trainer/protocol.ts';

/** Temporal cannot be reached, or did not answer in time: ask again later. */
export class OrchestrationUnavailableError extends Error {}

/** The worker pool said no, with a sentence for the user. */
export class PoolRefusedError extends Error {}

export type PoolCommand = { action: 'start'; count: number } | { action: 'stop' } | { action: 'restart' };

/** What the API asks of Temporal. Every call has a deadline. */
export interface Orchestration {
  /** Returns when the pool has reached the state asked for. */
  controlPool(command: PoolCommand): Promise<void>;
  /** Checks files and loading of a finished run's output on a host. */
  checkOutput(runId: number): Promise<ValidationResult>;
  isHealthy(): Promise<boolean>;
  close(): Promise<void>;
}
