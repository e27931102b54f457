import { ApplicationFailure } from '@temporalio/activity';
import type { Lease } from '../models/lease.ts';
import { recordEvent, recordValidation } from '../models/run-progress.ts';
import { trainerHyperparameters } from '../models/run-spec.ts';
import { type ValidationResult, ValidationResultSchema } from '../trainer/protocol.ts';
import { FAILURE_TYPES, type GaveWay, type RunRef } from '../workflows/contract.ts';
import { readMixture } from './prepare-data.ts';
import { runFiles } from './run-files.ts';
import { runTrainer } from './run-trainer.ts';
import { commonFields } from './train-model.ts';
import type { TrainingWorkerContext } from './training-worker-context.ts';
import { underLease } from './under-lease.ts';

/**
 * Checks the finished model's files, loads it in a fresh process, generates, and compares base and tuned on held-out
 * rows. A model that does not load fails the run; one that got worse than its base is a warning that the user sees.
 */
export function createValidateModel(context: TrainingWorkerContext) {
  const { env } = context;
  return async function validateModel({ runId }: RunRef): Promise<GaveWay | null> {
    return await context.busyWith(runId, () =>
      underLease(
        { ...context.leaseOptions(runId), phase: 'validating', doneReason: 'validated' },
        async (run, hold) => {
          const { lease } = hold;
          const files = runFiles(env, run);
          if (!run.result) throw new Error(`Run ${runId} is to be validated and has not been trained.`);
          const { trainRows, heldOutRows } = await readMixture(files.mixture);
          const validation = ValidationResultSchema.parse(
            await runTrainer({
              python: await context.python(),
              runDir: files.dir,
              file: {
                ...(await commonFields(env, run, lease, heldOutRows > 0)),
                task: 'validate',
                output_dir: run.result.staging_path,
                hyperparameters: trainerHyperparameters(run.spec, trainRows),
                known_checkpoint_step: null,
                save_share: null,
              },
              hold,
              stopGraceMs: () => 0,
              stallTimeoutMs: context.stallTimeoutMs,
              write: async (delivery, nth) =>
                Array.isArray(delivery) || delivery.type !== 'phase'
                  ? true
                  : await recordEvent(lease, 'validation', { step: delivery.phase }, nth),
            }),
          );
          await recordValidation(lease, validation);
          if (!validation.valid) {
            throw ApplicationFailure.nonRetryable(
              `The trained model is not usable: ${validation.errors.join(' ')}`,
              FAILURE_TYPES.validationFailed,
            );
          }
          await warnWhereWorse(lease, validation);
          await context.countRun();
        },
      ),
    );
  };
}

async function warnWhereWorse(lease: Lease, { traits }: ValidationResult): Promise<void> {
  for (const { trait, base, tuned } of traits) {
    if (tuned.loss <= base.loss) continue;
    const message = `On held-out rows of ${trait} the tuned model is worse than its base (loss ${tuned.loss.toFixed(3)} against ${base.loss.toFixed(3)}).`;
    await recordEvent(lease, 'warning', { message });
  }
}
