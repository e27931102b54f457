import { Worker as TemporalWorker } from '@temporalio/worker';
import { fn, Op } from 'sequelize';
import { failing } from '../activities/failing.ts';
import { createTrainModel } from '../activities/runs/train-model.ts';
import type { TrainingWorkerContext } from '../activities/runs/training-worker-context.ts';
import { createValidateModel } from '../activities/runs/validate-model.ts';
import { connectModels } from '../models/database.ts';
import { drainedWorkers } from '../models/pool/drain.ts';
import { Worker } from '../models/pool/worker.ts';
import { keepToSchema } from '../models/schema.ts';
import type { Env } from '../platform/env.ts';
import { createLogger } from '../platform/logger.ts';
import { requireDatabaseUrl } from '../platform/postgres/database-url.ts';
import { processStart } from '../platform/process-identity.ts';
import { runUntilStopped } from '../platform/process-lifecycle.ts';
import { trainerPythonOf } from '../platform/python.ts';
import { workerConnection } from '../platform/temporal/connection.ts';
import { installTemporalLogger } from '../platform/temporal/temporal-logger.ts';
import { temporalTracing } from '../platform/temporal/traced.ts';
import { startTracing } from '../platform/tracing.ts';
import { lastClaimAnywhere } from '../runs/run-store.ts';
import { WarmPython } from '../trainer/warm-python.ts';
import { TRAINING_QUEUE, type TrainingActivities } from '../workflows/contract.ts';

const REPORT_EVERY_MS = 3_000;
/** SIGTERM, which ends this worker alone: time to save even a large model. SIGINT, of an agent that ends: MTM_STOP_GRACE_MS. */
const STOP_GRACE_MS = 120_000;

/** One training worker: one slot, so one run at a time. Started and watched by the host agent. */
export async function main(env: Env, workerId: string): Promise<void> {
  const logger = createLogger(workerId, env.logLevel);
  installTemporalLogger(logger);
  const endTracing = await startTracing(env, 'worker', (sentence) => logger.warn(sentence));
  const sequelize = connectModels(requireDatabaseUrl(env));
  await keepToSchema(sequelize, (sentence) => logger.error(sentence));
  const connection = await workerConnection(env);

  const stopping = new AbortController();
  let stopGraceMs = STOP_GRACE_MS;
  const report = createReport(workerId);
  const python = trainerPythonOf({ env, onProgress: (line) => logger.info(line) });
  await report.takePlace();
  const log = (sentence: string) => logger.info(sentence);
  const warm = new WarmPython({ libraries: 'trainings', isOn: env.warmTrainers, idleMs: null, log });
  // The first run says what is wrong with a Python that cannot be made.
  void python().then(
    (found) => warm.warmUp(found),
    () => {},
  );
  const context: TrainingWorkerContext = {
    env,
    python,
    startPython: warm.start,
    leaseOptions: (runId) => ({
      runId,
      logger,
      workerId,
      lastClaim: () => lastClaimAnywhere(env, runId),
      heartbeatTimeoutMs: env.heartbeatTimeoutMs,
      workerStopping: stopping.signal,
    }),
    stopGraceMs: () => stopGraceMs,
    stallTimeoutMs: env.stallTimeoutMs,
    busyWith: report.busyWith,
    countRun: report.countRun,
  };
  const activities: TrainingActivities = {
    trainModel: createTrainModel(context),
    validateModel: createValidateModel(context),
  };
  const worker = await TemporalWorker.create({
    connection,
    namespace: env.temporalNamespace,
    identity: workerId,
    taskQueue: TRAINING_QUEUE,
    activities: { ...activities },
    interceptors: { activity: [...temporalTracing().activity, failing(env)] },
    maxConcurrentActivityTaskExecutions: 1,
    // The SDK would hold heartbeats back for up to a minute, and with them the news of a cancel.
    maxHeartbeatThrottleInterval: Math.min(5_000, env.heartbeatTimeoutMs / 4),
    // We stop the work ourselves, by `stopping`; the SDK must not cancel it before it has saved.
    shutdownGraceTime: Math.max(STOP_GRACE_MS, env.stopGraceMs) + 30_000,
  });
  const running = worker.run();
  await report.now('idle', null);
  const timer = setInterval(report.alive, REPORT_EVERY_MS);
  await runUntilStopped({
    running,
    stop: async (signal) => {
      if (signal !== 'SIGTERM') stopGraceMs = env.stopGraceMs;
      stopping.abort();
      worker.shutdown();
      await running;
      await warm.close();
      clearInterval(timer);
      await report.settled();
      await report.now('stopped', null);
      await Promise.all([connection.close(), sequelize.close(), endTracing()]);
    },
    timeLimitMs: Math.max(STOP_GRACE_MS, env.stopGraceMs) + 60_000,
  });
}

/** Writes what this worker does into its row, where GET /workers/ and the host agent read it, and obeys what it says. */
function createReport(workerId: string) {
  // A process whose place another one has taken writes nothing any more.
  const where = { id: workerId, pid: process.pid };
  let doing: { status: 'idle' | 'busy' | 'stopped'; current_run_id: number | null } = {
    status: 'idle',
    current_run_id: null,
  };
  let repeating: Promise<void> = Promise.resolve();
  const now = async (status: 'idle' | 'busy' | 'stopped', runId: number | null) => {
    doing = { status, current_run_id: runId };
    await Worker.update({ ...doing, last_activity_at: new Date(), heartbeat_at: fn('now') }, { where });
  };
  /** Says it again: while the host was away, or the database, others may have written what they believed. */
  const repeat = async () => {
    const [, [row]] = await Worker.update({ ...doing, heartbeat_at: fn('now') }, { where, returning: true });
    // The agent, which would say so, may be gone. A stop that was asked for twice is one stop.
    const [drained] = await drainedWorkers({ workerId });
    if (row?.desired !== 'running' || drained?.leaves) process.kill(process.pid, 'SIGTERM');
  };
  return {
    now,
    /**
     * Makes this process the one that the row means, also when the agent was killed before it could note its pid.
     * @throws Error when another process has the place, or nobody wants this worker any more
     */
    async takePlace(): Promise<void> {
      const [taken] = await Worker.update(
        { pid: process.pid, pid_started: await processStart(process.pid) },
        { where: { id: workerId, desired: 'running', pid: { [Op.or]: [null, process.pid] } } },
      );
      if (taken === 0) throw new Error(`Worker ${workerId} is not wanted any more, or another process has its place.`);
    },
    /** A database that is away now hears it the next time. */
    alive: () => {
      repeating = repeat().catch(() => {});
    },
    /** Returns when the last repetition has been written, so that it comes before what follows. */
    settled: () => repeating,
    /** A figure for people: no run is validated again for it. */
    countRun: async () => void (await Worker.increment({ runs_completed: 1 }, { where }).catch(() => {})),
    async busyWith<T>(runId: number, work: () => Promise<T>): Promise<T> {
      await now('busy', runId);
      try {
        return await work();
      } finally {
        await now('idle', null).catch(() => {});
      }
    },
  };
}
