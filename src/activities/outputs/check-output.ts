import { join } from 'node:path';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { Run } from '../../models/runs/run.ts';
import { trainerHyperparameters } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { startTrainer } from '../../trainer/process.ts';
import { EXIT_CODES, type RunFile } from '../../trainer/protocol.ts';
import type { StartPython } from '../../trainer/python-process.ts';
import { type ValidationResult, ValidationResultSchema } from '../../trainer/results.ts';
import type { RunRef } from '../../workflows/contract.ts';
import { commonFields, knownManifestSha256 } from '../runs/train-model.ts';

const HEARTBEAT_EVERY_MS = 3_000;

/** Checks a published model's files and loads it in a process of its own. May run twice: it only reads. */
export function createCheckOutput(env: Env, python: () => Promise<string>, start: StartPython) {
  return async function checkOutput({ runId }: RunRef): Promise<ValidationResult> {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
    try {
      const run = await Run.findByPk(runId, { rejectOnEmpty: true });
      if (!run.output_path) throw ApplicationFailure.nonRetryable(`Run ${runId} has no output.`, 'NoOutput');
      const folder = new RunFolder(env, run);
      const file: RunFile = {
        ...(await commonFields(env, run, { epoch: run.lease_epoch }, false)),
        task: 'check',
        output_dir: run.output_path,
        hyperparameters: trainerHyperparameters(run.spec, 1),
        save_share: null,
        known_checkpoint_step: null,
        known_manifest_sha256: knownManifestSha256(run),
      };
      const runFile = await folder.writeCheckFile(file);
      const logFile = join(folder.paths.logs, 'check.log');
      const trainer = await startTrainer({ python: await python(), runFile, logFile, onEvent: () => {} }, start);
      context.cancellationSignal.addEventListener('abort', trainer.kill, { once: true });
      const exit = await trainer.exited;
      if (exit.code === EXIT_CODES.done) return ValidationResultSchema.parse(exit.result);
      throw ApplicationFailure.nonRetryable(
        exit.error?.message ?? `The check exited with code ${exit.code}.`,
        'CheckFailed',
      );
    } finally {
      clearInterval(beat);
    }
  };
}
