import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import { type Lease, noteRefusedWrite } from '../../models/runs/lease.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { recordEvent } from '../../models/runs/run-progress.ts';
import { duration } from '../../platform/duration.ts';
import { TransientError } from '../../platform/failure.ts';
import { inSpan } from '../../platform/tracing.ts';
import type { RunFolder } from '../../runs/run-folder.ts';
import { startTrainer, type TrainerExit } from '../../trainer/process.ts';
import { EXIT_CODES, type RunFile, type TrainerEvent } from '../../trainer/protocol.ts';
import { type StartPython, startPython } from '../../trainer/python-process.ts';
import { FAILURE_TYPES } from '../../workflows/contract.ts';
import { Beginning } from './beginning.ts';
import { EventDelivery, type WriteDelivery } from './event-delivery.ts';
import { StallWatch } from './stall-watch.ts';
import { Held, type Hold, LeaseLost, SAVE_BEFORE, Stopped, type StopReason } from './under-lease.ts';

/** A trainer that crashes for its own reasons is tried so many times between two checkpoints. */
const MOST_CRASHES = 3;

interface TrainerOptions {
  python: string;
  /** How a trainer is started, unless torch.compile is used in it. */
  start: StartPython;
  folder: RunFolder;
  file: RunFile;
  hold: Hold;
  stopGraceMs: () => number;
  stallTimeoutMs: number;
  write: WriteDelivery;
}

/**
 * Runs the trainer on `file` and waits for its end, obeying the hold.
 * @returns the result of its `done` event.
 * @throws Stopped when it gave way to `stop`; Held when it came to `hold_step`; ApplicationFailure with a sentence for the user when it failed.
 */
export async function runTrainer(options: TrainerOptions): Promise<Record<string, unknown>> {
  const { file, hold } = options;
  const { runId, epoch } = hold.lease;
  const attributes = { 'mtm.run_id': runId, 'mtm.lease_epoch': epoch, 'mtm.training_type': file.training_type };
  return await inSpan(`trainer ${file.task}`, attributes, () => untilItsEnd(options));
}

async function untilItsEnd(options: TrainerOptions): Promise<Record<string, unknown>> {
  const { folder, file, hold } = options;
  const { lease, stop } = hold;
  stop.throwIfAborted();
  const runFile = await folder.writeRunFile(file);

  const delivery = new EventDelivery({
    write: options.write,
    goodForMs: hold.goodForMs,
    onRefused: async (refused) => {
      trainer.kill();
      await noteRefusedWrite(lease, Array.isArray(refused) ? 'step' : refused.type);
    },
  });
  let stalled: string | null = null;
  const stallWatch = new StallWatch(options.stallTimeoutMs, (sentence) => {
    stalled = sentence;
    trainer.kill();
  });
  const beginning = new Beginning(hold.claimedAtMs);
  const onEvent = (event: TrainerEvent) => {
    stallWatch.heard(event);
    show(event, hold);
    delivery.add(beginning.heard(event));
  };
  const logFile = join(folder.paths.logs, `${file.task}.log`);
  // torch.compile has to be known before the libraries are loaded.
  const start = file.hyperparameters.compile ? startPython : options.start;
  const trainer = await startTrainer({ python: options.python, runFile, logFile, onEvent }, start).catch(
    (error: unknown) => {
      stallWatch.stop();
      throw error;
    },
  );
  hold.onProlonged(trainer.prolongLease);
  let graceTimer: NodeJS.Timeout | undefined;
  const onStop = () => {
    const reason = stop.reason as StopReason;
    if (!SAVE_BEFORE.includes(reason)) return trainer.kill();
    trainer.stop();
    graceTimer = setTimeout(trainer.kill, options.stopGraceMs());
  };
  stop.addEventListener('abort', onStop, { once: true });
  if (stop.aborted) onStop();
  try {
    const exit = await trainer.exited;
    await delivery.done();
    if (exit.code === EXIT_CODES.done && exit.result) return exit.result;
    if (exit.code === EXIT_CODES.stopped && !stop.aborted && file.hold_step != null)
      throw new Held(`The trainer holds at step ${file.hold_step}.`);
    if (stop.aborted || exit.code === EXIT_CODES.stopped)
      throw new Stopped(`The trainer stopped: ${String(stop.reason)}.`);
    if (exit.code === EXIT_CODES.leaseLost) throw new LeaseLost();
    // Whatever it failed with where a link led is not the cause.
    await options.folder.requireNoLinks();
    throw await failureOf(exit, lease, stalled);
  } finally {
    clearTimeout(graceTimer);
    stallWatch.stop();
    stop.removeEventListener('abort', onStop);
    trainer.kill();
  }
}

/** Keeps what a person wants to see of a run under way. */
function show(event: TrainerEvent, hold: Hold): void {
  if (event.type === 'phase') hold.show({ phase: event.phase });
  if (event.type === 'plan') hold.show({ total_steps: event.total_steps });
  if (event.type === 'resumed') hold.show({ resumed_from_step: event.step, last_checkpoint_step: event.step });
  if (event.type === 'checkpoint') hold.show({ last_checkpoint_step: event.step });
  if (event.type === 'compared')
    hold.show({ compared_percent: rounded(event.percent, 0), time_left: timeLeft(event.seconds_left) });
  if (event.type === 'step') {
    const { step, total_steps, epoch, loss, tokens_per_s, seconds_left } = event;
    hold.show({
      step,
      total_steps,
      epoch: rounded(epoch, 2),
      loss: rounded(loss, 4),
      tokens_per_s: rounded(tokens_per_s, 0),
      time_left: timeLeft(seconds_left),
    });
  }
}

function timeLeft(seconds: number | null): string | null {
  return seconds === null ? null : duration(1_000 * seconds);
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

/** What a trainer's end means: a sentence that no retry can change, or another attempt from the last checkpoint. */
async function failureOf(exit: TrainerExit, lease: Lease, stalled: string | null): Promise<Error> {
  const how = exit.signal ? `was killed by ${exit.signal}` : `exited with code ${exit.code}`;
  const said = stalled ?? exit.error?.message ?? `The trainer ${how} without a word; its log says more.`;
  switch (exit.code) {
    case EXIT_CODES.badInput:
      return ApplicationFailure.nonRetryable(said, FAILURE_TYPES.badInput);
    case EXIT_CODES.outOfMemory:
      return ApplicationFailure.nonRetryable(said, FAILURE_TYPES.outOfMemory);
    case EXIT_CODES.diskFull:
      return ApplicationFailure.nonRetryable(said, FAILURE_TYPES.diskFull);
    case EXIT_CODES.machine:
      return new TransientError(said);
    case EXIT_CODES.checkpointLost:
    case EXIT_CODES.diverged:
      return ApplicationFailure.nonRetryable(said, FAILURE_TYPES.trainerFailed);
  }
  // One that was killed since its run is not ours any more has not crashed, and must not count as such for those who have it.
  if (!(await recordEvent(lease, 'trainer_crashed', { message: said, code: exit.code, signal: exit.signal })))
    throw new LeaseLost();
  const crashes = await crashesSinceProgress(lease.runId);
  if (crashes >= MOST_CRASHES) {
    return ApplicationFailure.nonRetryable(
      `The trainer failed ${crashes} times without reaching another checkpoint. Last: ${said}`,
      FAILURE_TYPES.trainerFailed,
    );
  }
  return ApplicationFailure.create({ message: said, type: 'TrainerCrashed', nextRetryDelay: 1_000 * 2 ** crashes });
}

async function crashesSinceProgress(runId: number): Promise<number> {
  const events = await RunEvent.findAll({
    where: { run_id: runId, kind: ['trainer_crashed', 'checkpoint'] },
    order: [['seq', 'DESC']],
    limit: MOST_CRASHES,
  });
  const progress = events.findIndex((event) => event.kind === 'checkpoint');
  return progress === -1 ? events.length : progress;
}
