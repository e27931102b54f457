import { ApplicationFailure } from '@temporalio/activity';
import { Dataset } from '../../models/datasets/dataset.ts';
import type { Lease } from '../../models/runs/lease.ts';
import type { Run } from '../../models/runs/run.ts';
import {
  markCheckpoint,
  recordCheckpoint,
  recordEval,
  recordEvent,
  recordPhase,
  recordPlan,
  recordPosition,
  recordResult,
  recordSteps,
} from '../../models/runs/run-progress.ts';
import { datasetsOf, trainerHyperparameters } from '../../models/runs/run-spec.ts';
import type { Start } from '../../models/runs/start.ts';
import type { RunPhase } from '../../models/runs/statuses.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { cacheDir, type RunPaths, runPaths } from '../../runs/run-paths.ts';
import { startFolder } from '../../runs/starts.ts';
import { type LogEvent, PROTOCOL_VERSION, type RunFile, type TrainerEvent } from '../../trainer/protocol.ts';
import { TrainResultSchema } from '../../trainer/results.ts';
import { FAILURE_TYPES, type GaveWay, type RunRef } from '../../workflows/contract.ts';
import { afterOutOfMemory, currentSplit } from './batch-split.ts';
import type { Delivery } from './event-delivery.ts';
import { makeRoom } from './full-disk.ts';
import { recordMissed } from './missed-events.ts';
import { readMixture } from './prepare-data.ts';
import { runTrainer } from './run-trainer.ts';
import { beginStored } from './stored-training.ts';
import type { TrainingWorkerContext } from './training-worker-context.ts';
import { type Hold, underLease } from './under-lease.ts';
import { requireModels } from './verify-model.ts';

/** Trains a run from its newest complete checkpoint, or from the start, to a finished model that nobody sees yet. */
export function createTrainModel(context: TrainingWorkerContext) {
  const { env } = context;
  return async function trainModel({ runId }: RunRef): Promise<GaveWay | null> {
    return await context.busyWith(runId, () =>
      underLease(
        { ...context.leaseOptions(runId), phase: 'loading', doneReason: 'trained', makeRoom: () => makeRoom(env) },
        async (run, hold) => {
          const { lease } = hold;
          // An attempt whose end was not heard may have finished the training.
          if (run.result) return;
          const folder = new RunFolder(env, run);
          await folder.requireNoLinks();
          const stored = await beginStored(env, run, hold, 'train');
          try {
            const file = await trainingFile(env, run, hold, folder, await stored.knownStep());
            const result = TrainResultSchema.parse(
              await runTrainer({
                python: await context.python(),
                start: context.startPython,
                folder,
                file,
                hold,
                stopGraceMs: context.stopGraceMs,
                stallTimeoutMs: context.stallTimeoutMs,
                write: async (delivery, nth) => {
                  const isHeld = await record(lease, folder.paths, delivery, nth);
                  if (isHeld) await stored.recorded(delivery);
                  return isHeld;
                },
              }).catch(async (error: unknown) => {
                const tooLarge = error instanceof ApplicationFailure && error.type === FAILURE_TYPES.outOfMemory;
                throw tooLarge ? await afterOutOfMemory(lease, file.hyperparameters, error.message) : error;
              }),
            );
            await stored.done(file.output_dir);
            await recordResult(lease, { ...result, staging_path: file.output_dir });
          } finally {
            await stored.ended(context.stopGraceMs());
          }
        },
      ),
    );
  };
}

async function trainingFile(
  env: Env,
  run: Run,
  hold: Hold,
  folder: RunFolder,
  knownStep: number | null,
): Promise<RunFile> {
  const { lease } = hold;
  const { mixture, staging } = folder.paths;
  const { trainRows, heldOutRows } = await readMixture(mixture);
  // Looked at again: a link may have been put into the directory since the run was asked for.
  const directory = await resolveOutputDirectory(run.spec.output_directory, env.outputRoots).catch((error: Error) => {
    throw ApplicationFailure.nonRetryable(error.message, FAILURE_TYPES.badInput);
  });
  if (directory !== run.spec.output_directory)
    throw ApplicationFailure.nonRetryable(
      `output_directory ${run.spec.output_directory} leads to ${directory} now. Start the run again to use it.`,
      FAILURE_TYPES.badInput,
    );
  await folder.removeOlderExports(hold);
  return {
    ...(await commonFields(env, run, lease, heldOutRows > 0)),
    task: 'train',
    output_dir: staging(lease.epoch),
    processes: env.devicesPerRun,
    hyperparameters: { ...trainerHyperparameters(run.spec, trainRows), ...(await currentSplit(run.id)) },
    save_share: run.spec.hyperparameters.save_steps === null ? env.checkpointPercent / 100 : null,
    known_checkpoint_step: knownStep,
    hold_step: run.hold_step,
  };
}

/** What the run files of training and of validation share. */
export async function commonFields(env: Env, run: Run, lease: Pick<Lease, 'epoch'>, hasHeldOut: boolean) {
  const files = runPaths(env, run);
  const { training_type, threads, validation, today, traits, start } = run.spec;
  const { model, index } = await requireModels(env, run);
  return {
    protocol: PROTOCOL_VERSION,
    run_id: run.id,
    lease_epoch: lease.epoch,
    training_type,
    model,
    embedding_model: index,
    start: start ? { ...startFields(start), path: startFolder(env, start) } : null,
    data: {
      train: files.train,
      held_out: hasHeldOut ? files.heldOut : null,
      held_out_is_chosen: traits.some(({ held_out_from }) => held_out_from !== undefined),
      datasets: await namesOf(run),
    },
    work_dir: files.dir,
    cache_dir: cacheDir(env),
    threads,
    validation,
    today,
  } as const;
}

function startFields({ kind, name, sha256, new_tokens }: Start) {
  return { kind, name, sha256, new_tokens: new_tokens ?? null };
}

async function namesOf({ spec }: Run): Promise<{ id: number; name: string }[]> {
  const ids = datasetsOf(spec.traits).map(({ dataset_id }) => dataset_id);
  const found = await Dataset.findAll({ where: { id: ids }, attributes: ['id', 'name'] });
  return found.map(({ id, name }) => ({ id, name }));
}

/** Of the manifest of a run's model, once it is trained. */
export function knownManifestSha256({ result }: Run): string | undefined {
  return result?.files.find(({ path }) => path === 'manifest.json')?.sha256;
}

/** Writes what the trainer reports. False when the lease is not the latest any more. */
async function record(lease: Lease, files: RunPaths, delivery: Delivery, nth: number): Promise<boolean> {
  if (Array.isArray(delivery)) return await recordSteps(lease, delivery);
  const event = delivery;
  switch (event.type) {
    case 'checkpoint':
      return await recordCheckpoint(lease, event, nth);
    case 'pruned':
      await markCheckpoint(lease, event.path, 'pruned');
      return true;
    case 'quarantined':
      await markCheckpoint(lease, event.path, 'quarantined');
      return await recordEvent(lease, 'quarantined', { path: event.path, reason: event.reason }, nth);
    case 'phase':
      return await recordPhase(lease, phaseOf(event.phase), event.message, nth);
    case 'plan':
      return (await recordPlan(lease, event)) && (await recordAsEvent(lease, event, nth));
    case 'resumed':
      await recordMissed(lease, files.trainerEvents, event.step);
      return (await recordPosition(lease, event.step)) && (await recordAsEvent(lease, event, nth));
    case 'eval':
      return await recordEval(lease, event, nth);
    case 'log':
      return await recordLog(lease, event, nth);
    case 'hello':
    case 'spans':
    case 'error':
      return await recordAsEvent(lease, event, nth);
    // Of a validation alone.
    case 'compared':
    case 'done':
      return true;
  }
}

/** Keeps what a trainer says to a person. False when the lease is not the latest. */
export function recordLog(lease: Lease, event: LogEvent, nth: number): Promise<boolean> {
  if (event.level === 'warning') return recordEvent(lease, 'warning', { message: event.message }, nth);
  return recordAsEvent(lease, event, nth);
}

function recordAsEvent(lease: Lease, { type, ...data }: TrainerEvent, nth: number): Promise<boolean> {
  return recordEvent(lease, type, data, nth);
}

/** Phases of the trainer as phases of the run. */
function phaseOf(phase: Extract<TrainerEvent, { type: 'phase' }>['phase']): RunPhase {
  const phases = {
    loading_data: 'loading',
    loading_model: 'loading',
    training: 'training',
    exporting: 'exporting',
  } as const;
  return phase in phases ? phases[phase as keyof typeof phases] : 'validating';
}
