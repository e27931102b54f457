import { Worker as TemporalWorker } from '@temporalio/worker';
import { createDownloadModel } from '../../activities/base-models/download-model.ts';
import { createMakeExport } from '../../activities/exports/make-export.ts';
import { createCheckOutput } from '../../activities/outputs/check-output.ts';
import { createHostActivities } from '../../activities/pool/host.ts';
import { removeLeftCopies } from '../../activities/storage/left-copies.ts';
import { connectModels } from '../../models/database.ts';
import { AgentPlace } from '../../models/pool/agent-place.ts';
import { Host } from '../../models/pool/host.ts';
import { keepToSchema } from '../../models/schema.ts';
import { devicesOf } from '../../platform/devices.ts';
import { disksOf } from '../../platform/disks.ts';
import type { Env } from '../../platform/env.ts';
import { ensureExportPackages } from '../../platform/export-packages.ts';
import { createLogger } from '../../platform/logger.ts';
import { gpusOf, machineOf } from '../../platform/machine.ts';
import { requireDatabaseUrl } from '../../platform/postgres/database-url.ts';
import { runUntilStopped } from '../../platform/process-lifecycle.ts';
import { ensureTrainerPython } from '../../platform/python.ts';
import { RepeatedLook } from '../../platform/repeated-look.ts';
import { workerConnection } from '../../platform/temporal/connection.ts';
import { installTemporalLogger } from '../../platform/temporal/temporal-logger.ts';
import { temporalTracing } from '../../platform/temporal/traced.ts';
import { startTracing } from '../../platform/tracing.ts';
import { isOfOrchestrator } from '../../runs/of-orchestrator.ts';
import { KEPT_IDLE_MS, WarmPython } from '../../trainer/warm-python.ts';
import { hostQueue } from '../../workflows/contract.ts';
import { stopTimeMs, WorkerProcesses } from './worker-processes.ts';

const REPORT_EVERY_MS = 2_000;
/** nvidia-smi takes a tenth of a second of a CPU. */
const LOOK_AT_GPUS_EVERY_MS = 30_000;
/** A disk of a network that does not answer must not make its host seem away. */
const LOOK_AT_DISKS_EVERY_MS = 5_000;
/** What a run left here, where it came by way of the store. */
const REMOVE_COPIES_EVERY_MS = 60_000;
/** Beyond the workers' end, for the connections. */
const CLOSE_MS = 1_000;

/** The agent of one machine: starts, watches and stops its training workers. */
export async function main(env: Env): Promise<void> {
  const logger = createLogger('host', env.logLevel);
  installTemporalLogger(logger);
  const endTracing = await startTracing(env, 'host', (sentence) => logger.warn(sentence));
  const databaseUrl = requireDatabaseUrl(env);
  const sequelize = connectModels(databaseUrl);
  await keepToSchema(sequelize, (sentence) => logger.error(sentence));
  const startedAt = new Date();
  const place = new AgentPlace(databaseUrl, { hostName: env.hostName, startedAt });
  await place.take();
  const connection = await workerConnection(env);
  const python = () => ensureTrainerPython({ env, onProgress: (line) => logger.info(line) });
  const exportPackages = async () =>
    ensureExportPackages({ env, python: await python(), onProgress: (line) => logger.info(line) });
  const devices = await devicesOf(env);
  const log = (sentence: string) => logger.info(sentence);
  const warm = new WarmPython({ libraries: 'trainings', isOn: env.warmTrainers, idleMs: KEPT_IDLE_MS, log });
  const processes = new WorkerProcesses(env, devices, logger);
  const worker = await TemporalWorker.create({
    connection,
    namespace: env.temporalNamespace,
    identity: `host-${env.hostName}`,
    taskQueue: hostQueue(env.hostName),
    activities: {
      ...createHostActivities(env.hostName, processes, {
        checkOutput: createCheckOutput(env, python, warm.start),
        downloadModel: createDownloadModel(env, python),
        makeExport: createMakeExport(env, python, exportPackages),
      }),
    },
    interceptors: { activity: temporalTracing().activity },
    shutdownGraceTime: '2s',
  });
  const gpus = await RepeatedLook.begin(gpusOf, LOOK_AT_GPUS_EVERY_MS);
  const disks = await RepeatedLook.begin(() => disksOf(env), LOOK_AT_DISKS_EVERY_MS);
  if (gpus.last.length === 0) gpus.stop();
  const report = async () => {
    // Without its place it must not write over what another agent reports.
    if (!place.isHeld) return;
    const memory = { ...(await machineOf(env, gpus.last)), disks: disks.last };
    const isApart = env.storeUrl !== undefined && !(await isOfOrchestrator(env));
    await Host.report({ name: env.hostName, agentPid: process.pid, devices, memory, startedAt, isApart });
  };
  await report();
  const timer = setInterval(() => void report().catch(() => {}), REPORT_EVERY_MS);
  const tidying = setInterval(
    () => void removeLeftCopies(env).catch((error: unknown) => logger.warn({ err: error }, 'Copies were not removed.')),
    REMOVE_COPIES_EVERY_MS,
  );
  processes.start();
  const running = worker.run();
  // Made now, so that the first run does not wait for it; a failure is told by the run that needs it.
  void python().catch((error: unknown) => logger.warn({ err: error }, 'The Python of the trainer is not ready.'));
  await runUntilStopped({
    running: Promise.race([running, place.lost]),
    stop: async () => {
      clearInterval(timer);
      clearInterval(tidying);
      gpus.stop();
      disks.stop();
      worker.shutdown();
      await processes.stop();
      await running;
      await warm.close();
      await place.release();
      await Promise.all([connection.close(), sequelize.close(), endTracing()]);
    },
    timeLimitMs: stopTimeMs(env) + CLOSE_MS,
  });
}
