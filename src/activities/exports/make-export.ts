import { join } from 'node:path';
import { ApplicationFailure, Context } from '@temporalio/activity';
import pLimit from 'p-limit';
import { readMixtureManifest } from '../../datasets/mixture.ts';
import { choicesOf, EXPORTS, Export } from '../../models/exports/export.ts';
import { beginExport, completeExport, failExport, noteExportTrouble } from '../../models/exports/export-transitions.ts';
import { Run } from '../../models/runs/run.ts';
import { trainerHyperparameters } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { failureOf } from '../../platform/failure-of.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runPaths } from '../../runs/run-paths.ts';
import type { ExportFailure } from '../../trainer/model-export.ts';
import type { RunFile } from '../../trainer/protocol.ts';
import { type ExportEnd, type ExportRef, FAILURE_TYPES } from '../../workflows/contract.ts';
import { waitAfter } from '../failing.ts';
import { commonFields, knownManifestSha256 } from '../runs/train-model.ts';
import { attempt } from './export-attempt.ts';

const HEARTBEATS_IN_TIMEOUT = 3;
/** What ends the program so often says something about the model, or about this machine. */
const MOST_CRASHES = 4;
const DELETED: ExportEnd = { status: 'deleted', message: 'It was deleted.' };
const CRASHES = ['crash', 'out_of_memory'];

/**
 * Makes a file of a run's model, and proves it. May run twice, also at the same time: the program that makes it waits until no other
 * one works in the same folder, and does not make again what is whole there.
 */
export function createMakeExport(env: Env, python: () => Promise<string>, packages: () => Promise<string>) {
  // Each needs the model in memory twice; but for those that wait for others' machines.
  const ofMemory = pLimit(1);
  const ofNetwork = pLimit(1);
  return async function makeExport({ exportId }: ExportRef): Promise<ExportEnd> {
    const context = Context.current();
    const beat = setInterval(
      () => context.heartbeat(),
      (context.info.heartbeatTimeoutMs ?? 30_000) / HEARTBEATS_IN_TIMEOUT,
    );
    try {
      const wanted = await Export.findByPk(exportId);
      if (wanted === null) return DELETED;
      const { needsPackages, isOfNetwork } = EXPORTS[wanted.format];
      return await (isOfNetwork ? ofNetwork : ofMemory)(async () => {
        if (!(await beginExport(exportId))) return await endOf(exportId);
        const run = await Run.findByPk(wanted.run_id, { rejectOnEmpty: true });
        const folder = new RunFolder(env, run);
        const { runFile, work } = await folder.beginExport(exportId, await runFileOf(env, run));
        const outcome = await attempt({
          exportId,
          python: await python(),
          packages: needsPackages ? await packages() : null,
          runFile,
          work,
          name: run.workflow_id,
          wanted: { format: wanted.format, ...choicesOf(wanted) },
          hubEndpoint: env.hubEndpoint,
          isHubOffline: env.isHubOffline,
          logFile: join(folder.paths.logs, `export-${exportId}.log`),
        });
        if (outcome === null) {
          await folder.removeExport(exportId);
          return await endOf(exportId);
        }
        if (outcome.type === 'failed') throw await refusedOrTriedAgain(exportId, outcome);
        await (outcome.files.length > 0 ? folder.publishExport(exportId) : folder.removeExport(exportId));
        await completeExport(exportId, outcome);
        return await endOf(exportId);
      });
    } catch (error) {
      if (error instanceof ApplicationFailure || context.cancellationSignal.aborted || isDatabaseAway(error))
        throw error;
      // The machine is not as it must be: no Python, a folder that may not be written.
      throw await toBeTriedAgain(exportId, failureOf(error).sentence);
    } finally {
      clearInterval(beat);
    }
  };
}

/** What the program is to know of the run. */
async function runFileOf(env: Env, run: Run): Promise<RunFile> {
  if (run.output_path === null) throw new Error(`Run ${run.id} has no output.`);
  const mixture = await readMixtureManifest(runPaths(env, run).mixture);
  return {
    ...(await commonFields(env, run, { epoch: run.lease_epoch }, (mixture?.held_out.rows ?? 0) > 0)),
    task: 'check',
    output_dir: run.output_path,
    hyperparameters: trainerHyperparameters(run.spec, 1),
    save_share: null,
    known_checkpoint_step: null,
    known_manifest_sha256: knownManifestSha256(run),
  };
}

/** The row says why it failed, or why it waits. */
async function refusedOrTriedAgain(
  exportId: number,
  { kind, message, verification, retry_after_s }: ExportFailure,
): Promise<ApplicationFailure> {
  if (kind === 'bad_input') {
    await failExport(exportId, message, verification);
    return ApplicationFailure.nonRetryable(message, FAILURE_TYPES.exportFailed);
  }
  return await toBeTriedAgain(exportId, message, CRASHES.includes(kind), retry_after_s ?? 0);
}

async function toBeTriedAgain(
  exportId: number,
  message: string,
  isCrash = false,
  leastWaitS = 0,
): Promise<ApplicationFailure> {
  const attempts = await noteExportTrouble(exportId, message);
  if (isCrash && attempts >= MOST_CRASHES) {
    await failExport(exportId, `${message} It was tried ${attempts} times. Ask for it again once that is mended.`);
    return ApplicationFailure.nonRetryable(message, FAILURE_TYPES.exportFailed);
  }
  const nextRetryDelay = Math.max(waitAfter(attempts), 1_000 * leastWaitS);
  return ApplicationFailure.create({ message, type: 'Waiting', nextRetryDelay });
}

async function endOf(exportId: number): Promise<ExportEnd> {
  const ended = await Export.findByPk(exportId);
  if (ended === null) return DELETED;
  if (ended.status === 'completed')
    return {
      status: 'completed',
      message: ended.pushed?.url ?? (ended.files ?? []).map(({ path }) => path).join(', '),
    };
  return { status: 'failed', message: ended.error_message ?? '' };
}
