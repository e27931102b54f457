import {
  Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { Env } from '../../platform/env.ts';
import { TransientError, UserError } from '../../platform/failure.ts';
import { lazyConnection } from '../../platform/temporal/connection.ts';
import { callsUntil } from '../../platform/temporal/deadlines.ts';
import { temporalTracing } from '../../platform/temporal/traced.ts';
import { type ValidationResult, ValidationResultSchema } from '../../trainer/results.ts';
import {
  balanceWorkersUpdate,
  FAILURE_TYPES,
  ORCHESTRATION_QUEUE,
  restartWorkersUpdate,
  startWorkersUpdate,
  stopWorkersUpdate,
  WORKER_POOL_ID,
} from '../../workflows/contract.ts';
import type { checkOutputWorkflow, workerPoolWorkflow } from '../../workflows/index.ts';
import { type Backups, backupsOf } from './backup-client.ts';
import { type Downloads, downloadsOf } from './download-client.ts';
import { type Exports, exportsOf } from './export-client.ts';
import { type Notifications, notificationsOf } from './notification-client.ts';
import { type Sweeps, sweepsOf } from './sweep-client.ts';
import { type TrackerDeliveries, trackerDeliveriesOf } from './tracker-client.ts';
import { type Trainings, trainingsOf, type Within } from './training-client.ts';

/** Temporal cannot be reached, or did not answer in time: ask again later. */
export class OrchestrationUnavailableError extends TransientError {}

/** Temporal does not take what it was asked for, and would not the next time. */
export class RefusedByTemporalError extends UserError {}

/** The worker pool said no, with a sentence for the user. */
export class PoolRefusedError extends UserError {}

export type PoolCommand = { action: 'start'; count: number } | { action: 'stop' | 'restart' | 'balance' };

/** What the service asks of Temporal: with the other clients of this folder the only user of its client. Every call has a deadline. */
export interface Orchestration
  extends Trainings,
    Downloads,
    Sweeps,
    Exports,
    Notifications,
    TrackerDeliveries,
    Backups {
  /**
   * Has the pool do something, which it goes on with by itself once it has taken it. The same command with the same `key` is
   * done once.
   * @returns whether it was done within `waitMs`
   * @throws PoolRefusedError; OrchestrationUnavailableError when it was not taken, or failed, within `waitMs`
   */
  controlPool(command: PoolCommand, waitMs: number, key?: string): Promise<boolean>;
  /** Checks files and loading of a finished run's output on `host`. */
  checkOutput(runId: number, host: string): Promise<ValidationResult>;
  isHealthy(): Promise<boolean>;
  close(): Promise<void>;
}

const PING_TIMEOUT_MS = 1_500;
/** What each command without arguments asks of the pool. */
const POOL_UPDATES = { stop: stopWorkersUpdate, restart: restartWorkersUpdate, balance: balanceWorkersUpdate };
const CHECK_TIMEOUT_MS = 600_000;

export function connectOrchestration(env: Env): Orchestration {
  const { connection, close } = lazyConnection(env);
  const clientUntil = (deadlineMs: () => number) =>
    new Client({
      connection: callsUntil(connection, deadlineMs),
      namespace: env.temporalNamespace,
      interceptors: { workflow: temporalTracing().client },
    });
  const within: Within = async (timeoutMs, calls) => {
    const untilMs = Date.now() + timeoutMs;
    return await calls(clientUntil(() => untilMs)).catch(explain);
  };
  const ping = () => within(PING_TIMEOUT_MS, (client) => client.workflowService.getSystemInfo({}));
  const withinOnceReachable: Within = async (timeoutMs, calls) => {
    await ping();
    return await within(timeoutMs, calls);
  };
  const eachWithin = (timeoutMs: number) => clientUntil(() => Date.now() + timeoutMs);

  return {
    ...trainingsOf(env, { within, withinOnceReachable, eachWithin }),
    ...downloadsOf(env, { within }),
    ...sweepsOf({ within }),
    ...exportsOf(env, { within }),
    ...notificationsOf({ within }),
    ...backupsOf({ within }),
    ...trackerDeliveriesOf(env, { within }),

    controlPool: async (command, waitMs, key) => {
      const untilMs = Date.now() + waitMs;
      await ping();
      // One that failed before is done again, under another id: Temporal would tell the same failure for ever.
      for (let attempt = 1; ; attempt++) {
        const updateKey = key === undefined ? null : `${key} ${attempt}`;
        const start = (client: Client) => startPoolUpdate(client, command, updateKey);
        const update = await within(untilMs - Date.now(), start).catch((error) => {
          throw error instanceof OrchestrationUnavailableError ? new OrchestrationUnavailableError(MAY_BE_DONE) : error;
        });
        try {
          // Of the same client, so with the same deadline.
          await update.result().catch(explain);
          return true;
        } catch (error) {
          // Temporal has it: that it does not say more by now, or is away, changes nothing about that.
          if (error instanceof OrchestrationUnavailableError) return false;
          if (!(error instanceof WorkflowUpdateFailedError)) throw error;
          const failure = poolError(error);
          if (key === undefined || failure instanceof PoolRefusedError || Date.now() > untilMs) throw failure;
        }
      }
    },

    checkOutput: (runId, host) =>
      withinOnceReachable(CHECK_TIMEOUT_MS, async (client) => {
        const result = await client.workflow.execute<typeof checkOutputWorkflow>('checkOutputWorkflow', {
          workflowId: `check-run-${runId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ runId, host }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: `Check the output of run ${runId}`,
        });
        return ValidationResultSchema.parse(result);
      }),

    isHealthy: async () => {
      try {
        await ping();
        return true;
      } catch {
        return false;
      }
    },

    close,
  };
}

/** Temporal was there a moment ago, and keeps what it was given for an orchestrator that is away. */
const MAY_BE_DONE =
  'The orchestrator does not answer. What was asked for may be done all the same: look at GET /workers/ first, or send it with the same Idempotency-Key.';

/** Returns once the pool has taken the command. */
async function startPoolUpdate(
  client: Client,
  command: PoolCommand,
  key: string | null,
): Promise<WorkflowUpdateHandle<void>> {
  const startWorkflowOperation = new WithStartWorkflowOperation<typeof workerPoolWorkflow>('workerPoolWorkflow', {
    workflowId: WORKER_POOL_ID,
    taskQueue: ORCHESTRATION_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'The pool of training workers',
  });
  // Temporal takes an update of the same id for the same one.
  const updateId = key === null ? {} : { updateId: `${JSON.stringify(command)} ${key}` };
  const options = { startWorkflowOperation, waitForStage: 'ACCEPTED', ...updateId } as const;
  if (command.action !== 'start')
    return await client.workflow.startUpdateWithStart(POOL_UPDATES[command.action], options);
  return await client.workflow.startUpdateWithStart(startWorkersUpdate, {
    ...options,
    args: [{ count: command.count }],
  });
}

/** gRPC codes with which a server that is away, or too slow, answers: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE. */
const AWAY_CODES = [1, 4, 14];
/** And with which one has more to do than it may: RESOURCE_EXHAUSTED. */
const BUSY_CODE = 8;
/** INVALID_ARGUMENT. */
const REFUSED_CODE = 3;

/** Tells "Temporal is away" from every other failure of a call. */
function explain(error: unknown): never {
  const grpc = error instanceof Error && error.cause ? error.cause : error;
  const away = isGrpcServiceError(grpc) && AWAY_CODES.includes(grpc.code);
  if (away || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    throw new OrchestrationUnavailableError('Temporal does not answer.', { cause: error });
  }
  if (!isGrpcServiceError(grpc)) throw error;
  if (grpc.code === REFUSED_CODE)
    throw new RefusedByTemporalError(`Temporal does not take this: ${grpc.details}`, { cause: error });
  const why = grpc.code === BUSY_CODE ? 'Temporal has more to do than it may' : 'Temporal answered with an error';
  throw new TransientError(`${why} (${grpc.details}).`, { cause: error });
}

/** The sentence at the bottom of a failed update, and whether it is the user's to act on. */
function poolError(error: WorkflowUpdateFailedError): Error {
  let cause: unknown = error.cause;
  while (cause instanceof ActivityFailure) cause = cause.cause;
  if (cause instanceof ApplicationFailure && cause.type === FAILURE_TYPES.poolRefused) {
    return new PoolRefusedError(cause.message);
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OrchestrationUnavailableError(`A host did not start or stop its workers: ${reason}`, { cause: error });
}
