import { ApplicationFailure } from '@temporalio/activity';
import { Project } from '../../models/projects/project.ts';
import type { Lease } from '../../models/runs/lease.ts';
import type { Run } from '../../models/runs/run.ts';
import { recordCompared, recordEvent, recordValidation } from '../../models/runs/run-progress.ts';
import { trainerHyperparameters } from '../../models/runs/run-spec.ts';
import { latestPromotion } from '../../models/versions/served-run.ts';
import { exists } from '../../platform/files.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import type { RunPaths } from '../../runs/run-paths.ts';
import type { GateToHold } from '../../trainer/gate-result.ts';
import { type ValidationResult, ValidationResultSchema } from '../../trainer/results.ts';
import { FAILURE_TYPES, type GaveWay, type RunRef } from '../../workflows/contract.ts';
import { currentSplit } from './batch-split.ts';
import type { Delivery } from './event-delivery.ts';
import { makeRoom } from './full-disk.ts';
import { openRun } from './open-run.ts';
import { readMixture } from './prepare-data.ts';
import { runTrainer } from './run-trainer.ts';
import { beginStored } from './stored-training.ts';
import { commonFields, knownManifestSha256, recordLog } from './train-model.ts';
import type { TrainingWorkerContext } from './training-worker-context.ts';
import { underLease } from './under-lease.ts';

/**
 * Checks the finished model's files, loads it in a fresh process, generates, and compares base and tuned on held-out
 * rows. A model that does not load fails the run; one that got worse than its base is a warning that the user sees.
 */
export function createValidateModel(context: TrainingWorkerContext) {
  const { env } = context;
  return async function validateModel({ runId }: RunRef): Promise<GaveWay | null> {
    if (!(await openRun(runId)).result) {
      const found = `Run ${runId} is to be validated, and the database does not know that it was trained.`;
      throw ApplicationFailure.nonRetryable(found, FAILURE_TYPES.stageForgotten);
    }
    return await context.busyWith(runId, () =>
      underLease(
        { ...context.leaseOptions(runId), phase: 'validating', doneReason: 'validated', makeRoom: () => makeRoom(env) },
        async (run, hold) => {
          const { lease } = hold;
          const folder = new RunFolder(env, run);
          await folder.requireNoLinks();
          const stored = await beginStored(env, run, hold, 'validate');
          try {
            const { trainRows, heldOutRows } = await readMixture(folder.paths.mixture);
            const model = await modelOf(run, folder.paths);
            const validation = ValidationResultSchema.parse(
              await runTrainer({
                python: await context.python(),
                start: context.startPython,
                folder,
                file: {
                  ...(await commonFields(env, run, lease, heldOutRows > 0)),
                  task: 'validate',
                  output_dir: model,
                  hyperparameters: { ...trainerHyperparameters(run.spec, trainRows), ...(await currentSplit(runId)) },
                  known_checkpoint_step: null,
                  known_manifest_sha256: knownManifestSha256(run),
                  save_share: null,
                  gate: await gateOf(run),
                },
                hold,
                stopGraceMs: () => 0,
                stallTimeoutMs: context.stallTimeoutMs,
                write: (delivery, nth) => record(lease, delivery, nth),
              }),
            );
            // What was found, or not, where a link led says nothing about the model.
            if (!validation.valid) await folder.requireNoLinks();
            await stored.done(model);
            await recordValidation(lease, validation);
            if (!validation.valid) {
              throw ApplicationFailure.nonRetryable(
                `The trained model is not usable: ${validation.errors.join(' ')}`,
                FAILURE_TYPES.validationFailed,
              );
            }
            for (const message of warningsOf(validation)) await recordEvent(lease, 'warning', { message });
          } finally {
            await stored.ended(context.stopGraceMs());
          }
          await context.countRun();
        },
      ),
    );
  };
}

/** Writes what the trainer reports. False when the lease is not the latest any more. */
async function record(lease: Lease, delivery: Delivery, nth: number): Promise<boolean> {
  if (Array.isArray(delivery)) return true;
  switch (delivery.type) {
    case 'phase':
      return await recordEvent(lease, 'validation', { step: delivery.phase }, nth);
    case 'compared':
      return await recordCompared(lease, delivery);
    case 'log':
      return await recordLog(lease, delivery, nth);
    case 'spans': {
      const { seconds, spans } = delivery;
      return await recordEvent(lease, 'spans', { seconds, spans }, nth);
    }
    default:
      return true;
  }
}

/** What must hold for a model of the project to be promoted, as it is now; null: nothing. */
async function gateOf({ project_id }: Run): Promise<GateToHold | null> {
  const project = project_id === null ? null : await Project.findByPk(project_id);
  if (!project?.gate) return null;
  const current = (await latestPromotion(project.id))?.run;
  return {
    conditions: project.gate.conditions,
    current: current ? { version: current.number, traits: current.held_out } : null,
  };
}

/** Where the trained model lies: as a rule not published yet, unless the row is of a backup from before that. */
async function modelOf(run: Run, { output }: RunPaths): Promise<string> {
  const staging = run.result?.staging_path;
  return staging !== undefined && (await exists(staging)) ? staging : output;
}

/** Below this, whoever asks the bundle will often not be answered. */
const LEAST_RECALL_AT_10 = 0.5;

/** What a user should know of a model that is usable: that it got worse than its base, or does not find much. */
function* warningsOf({ verdict, summary, retrieval = [] }: ValidationResult): Generator<string> {
  if (verdict === 'worse') yield summary;
  for (const { trait, questions, recall_at_10: recall, answers } of retrieval) {
    if (answers && answers.with_retrieval.f1 < answers.without_retrieval.f1)
      yield `Of ${answers.questions} held-out questions of ${trait}, the answers from the index are further from the expected ones than those without it (F1 ${answers.with_retrieval.f1.toFixed(2)}, not ${answers.without_retrieval.f1.toFixed(2)}). Another model may make more of what is found.`;
    if (recall < LEAST_RECALL_AT_10)
      yield `Of ${questions} held-out questions of ${trait}, ${(100 * recall).toFixed(0)} % have their answer among the first 10 chunks. Another embedding model or smaller chunks may find more.`;
  }
}
