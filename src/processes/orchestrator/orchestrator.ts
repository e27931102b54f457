import { constants, setPriority } from 'node:os';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createMakeScheduledBackup } from '../../activities/backups/make-scheduled-backup.ts';
import { failing } from '../../activities/failing.ts';
import { keepAlive } from '../../activities/keep-alive.ts';
import { watchDisks } from '../../activities/notifications/watch-disks.ts';
import {
  createDataActivities,
  createLineActivities,
  createNotificationActivities,
  createOrchestrationActivities,
  createTrackerActivities,
} from '../../activities/orchestration.ts';
import { measureStorage } from '../../activities/storage/measure.ts';
import { connectOrchestration } from '../../commands/workflows/client.ts';
import { connectModels } from '../../models/database.ts';
import { keepToSchema } from '../../models/schema.ts';
import { BUILT } from '../../platform/built-files.ts';
import type { Env } from '../../platform/env.ts';
import { createLogger } from '../../platform/logger.ts';
import { objectStoreOf } from '../../platform/object-store/object-store.ts';
import { requireDatabaseUrl } from '../../platform/postgres/database-url.ts';
import { runUntilStopped } from '../../platform/process-lifecycle.ts';
import { workerConnection } from '../../platform/temporal/connection.ts';
import { setUpOutsideTemporal } from '../../platform/temporal/set-up.ts';
import { installTemporalLogger } from '../../platform/temporal/temporal-logger.ts';
import { temporalTracing } from '../../platform/temporal/traced.ts';
import { startTracing } from '../../platform/tracing.ts';
import { markOfOrchestrator } from '../../runs/of-orchestrator.ts';
import { DATA_QUEUE, LINE_QUEUE, ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import { NOTIFICATION_QUEUE } from '../../workflows/notifications/contract.ts';
import { TRACKER_QUEUE } from '../../workflows/trackers/contract.ts';
import { scheduledBackupOf } from '../backups/scheduled-backup.ts';
import { BackupScheduling } from './backup-scheduling.ts';
import { Dispatcher } from './dispatcher.ts';
import { downloadDispatcher } from './download-dispatcher.ts';
import { exportDispatcher } from './export-dispatcher.ts';
import { notificationDispatcher } from './notification-dispatcher.ts';
import { PoolKeeper } from './pool-keeper.ts';
import { Reconciler } from './reconciler.ts';
import { Repeating } from './repeating.ts';
import { sweepDispatcher } from './sweep-dispatcher.ts';
import { Tidying } from './tidy.ts';
import { trackerDispatcher } from './tracker-dispatcher.ts';

/** Runs that are ready and wait for their turn: twice as many as workers at most (line.ts). */
const MOST_IN_LINE = 200;
/** Each is a process of about 100 MB, for as long as its run trains. */
const MOST_TOLD_AT_ONCE = 8;
const DISPATCH_EVERY_MS = 500;
const LOOK_AFTER_POOL_EVERY_MS = 1_000;
const RECONCILE_EVERY_MS = 5_000;
const TIDY_EVERY_MS = 60_000;
/** It looks what was not measured for long. */
const MEASURE_EVERY_MS = 30_000;
const SCHEDULE_BACKUPS_EVERY_MS = 60_000;
const WATCH_DISKS_EVERY_MS = 30_000;
const AFTER_FAILURE_MS = 3_000;

/** The process that runs workflows and light activities, and dispatches committed runs. */
export async function main(env: Env): Promise<void> {
  const logger = createLogger('orchestrator', env.logLevel);
  // A person waits for the API, nobody for the start of a training: on a busy machine the API goes first. Before any
  // thread is started: on Linux each has a priority of its own, and gets that of the one which starts it.
  setPriority(constants.priority.PRIORITY_LOW);
  installTemporalLogger(logger);
  const endTracing = await startTracing(env, 'orchestrator', (sentence) => logger.warn(sentence));
  const sequelize = connectModels(requireDatabaseUrl(env));
  await keepToSchema(sequelize, (sentence) => logger.error(sentence));
  await markOfOrchestrator(env);
  // Nobody waits for it here: runs that need it do, and say so as well.
  void objectStoreOf(env)
    ?.look()
    .catch((error: Error) => logger.warn(error.message));
  // Not one try and a warning: without them every run would be refused, again and again, for a search attribute.
  await setUpOutsideTemporal(env, (sentence) => logger.warn(sentence));
  const connection = await workerConnection(env);
  const orchestration = connectOrchestration(env);
  const common = {
    connection,
    namespace: env.temporalNamespace,
    shutdownGraceTime: '5s',
    interceptors: { activity: [...temporalTracing().activity, failing(env), keepAlive()] },
    sinks: temporalTracing().sinks,
  } satisfies Partial<WorkerOptions>;
  const line = createLineActivities();
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: ORCHESTRATION_QUEUE,
      workflowBundle: { codePath: BUILT.workflows },
      activities: {
        ...createOrchestrationActivities(env, line),
        ...createMakeScheduledBackup(env, scheduledBackupOf(env), logger),
      },
      maxConcurrentActivityTaskExecutions: 8,
    }),
    Worker.create({
      ...common,
      taskQueue: LINE_QUEUE,
      activities: line,
      maxConcurrentActivityTaskExecutions: MOST_IN_LINE,
    }),
    Worker.create({
      ...common,
      taskQueue: DATA_QUEUE,
      activities: createDataActivities(env),
      maxConcurrentActivityTaskExecutions: 4,
    }),
    Worker.create({
      ...common,
      taskQueue: NOTIFICATION_QUEUE,
      activities: createNotificationActivities(env),
      maxConcurrentActivityTaskExecutions: 16,
    }),
    Worker.create({
      ...common,
      taskQueue: TRACKER_QUEUE,
      activities: createTrackerActivities(env, (line) => logger.info(line)),
      maxConcurrentActivityTaskExecutions: MOST_TOLD_AT_ONCE,
    }),
  ]);
  const dispatcher = new Dispatcher(env, orchestration, logger);
  const sweeps = sweepDispatcher(orchestration);
  const downloads = downloadDispatcher(orchestration);
  const exports = exportDispatcher(orchestration);
  const notifications = notificationDispatcher(orchestration);
  const trackers = trackerDispatcher(orchestration);
  const reconciler = new Reconciler(env, orchestration, logger);
  const poolKeeper = new PoolKeeper(orchestration, logger);
  const backups = new BackupScheduling(env, orchestration, logger);
  const loopOf = (name: string, everyMs: number, pass: () => Promise<void>) =>
    new Repeating({ name, pass, everyMs, afterFailureMs: AFTER_FAILURE_MS, logger });
  const loops = [
    loopOf('Dispatching', DISPATCH_EVERY_MS, () => dispatcher.sweep()),
    loopOf('Dispatching downloads', DISPATCH_EVERY_MS, () => downloads.pass()),
    loopOf('Dispatching sweeps', DISPATCH_EVERY_MS, () => sweeps.pass()),
    loopOf('Dispatching exports', DISPATCH_EVERY_MS, () => exports.pass()),
    loopOf('Dispatching notifications', DISPATCH_EVERY_MS, () => notifications.pass()),
    loopOf('Watching disks', WATCH_DISKS_EVERY_MS, () => watchDisks(env)),
    loopOf('Dispatching to trackers', DISPATCH_EVERY_MS, () => trackers.pass()),
    loopOf('Reconciling', RECONCILE_EVERY_MS, () => reconciler.look()),
    loopOf('Scheduling backups', SCHEDULE_BACKUPS_EVERY_MS, () => backups.pass()),
    loopOf('Tidying up', TIDY_EVERY_MS, () => new Tidying(env, logger).pass()),
    loopOf('Measuring storage', MEASURE_EVERY_MS, () => measureStorage(env)),
    loopOf('Looking after the pool', LOOK_AFTER_POOL_EVERY_MS, () => poolKeeper.look()),
  ];
  for (const loop of loops) loop.start();
  const running = Promise.all(workers.map((worker) => worker.run())).then(() => {});
  await runUntilStopped({
    running,
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(loops.map((loop) => loop.stop()));
      await running;
      await Promise.all([orchestration.close(), connection.close(), sequelize.close(), endTracing()]);
    },
  });
}
