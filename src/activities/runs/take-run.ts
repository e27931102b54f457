import type { Lease } from '../../models/runs/lease.ts';
import type { Run } from '../../models/runs/run.ts';
import { recordEvent } from '../../models/runs/run-progress.ts';
import { forgetUnstored } from '../../models/runs/stored-checkpoints.ts';
import type { Env } from '../../platform/env.ts';
import { type CheckpointName, checkpointsHere, isAmong, removeCheckpointsHere } from '../../runs/checkpoints-here.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import type { RunStore } from '../../runs/run-store.ts';
import { DamagedInStore } from '../../runs/stored-folder.ts';
import type { Hold } from './under-lease.ts';

/** The later claim first, then the later step: as trainers choose (trainer/runs/checkpoints.py). */
function newestFirst(a: CheckpointName, b: CheckpointName): number {
  return b.epoch - a.epoch || b.step - a.step;
}

/**
 * Brings to this host what a training goes on from, and notes in the store what that is. A checkpoint that came there after a later
 * claim had begun from an earlier one does not count any more, here and there: its steps were done again.
 * @returns checkpoints of this host that count, and that the store does not have yet
 */
export async function takeRun(env: Env, run: Run, store: RunStore, hold: Hold): Promise<CheckpointName[]> {
  const { lease, stop } = hold;
  const folder = new RunFolder(env, run);
  await takeBesides(env, run, store);
  const { training } = await store.claims();
  const counts = (one: CheckpointName) =>
    training === null ||
    one.epoch >= training.epoch ||
    (training.from !== null && newestFirst(training.from, one) <= 0);
  const lying = await checkpointsHere(folder.paths);
  const here = lying.filter((one) => one.epoch >= lease.epoch || counts(one));
  const gone = lying.filter((one) => !here.includes(one));
  await removeCheckpointsHere(folder.paths, gone, hold);
  const there = (await store.checkpoints()).filter(counts).sort(newestFirst);
  await takeNewest(run, store, there, here, lease, stop);
  await tellOfLost(lease, await forgetUnstored(lease, here));
  hold.requireInForce();
  const [from = null] = here.sort(newestFirst);
  await store.noteClaim('train', lease.epoch, from);
  return here.filter((one) => !isAmong(one, there));
}

/** Brings what a run needs beside its checkpoints or its model. */
export async function takeBesides(env: Env, run: Run, store: RunStore): Promise<void> {
  await new RunFolder(env, run).make();
  await store.takeBeginning();
  await store.takeTold();
}

/** Takes the newest that is whole; all of a training that ends with its best one, which may be an older. */
async function takeNewest(
  run: Run,
  store: RunStore,
  there: CheckpointName[],
  here: CheckpointName[],
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const wantsAll = run.spec.hyperparameters.early_stopping_patience != null;
  for (const one of there) {
    if (isAmong(one, here)) {
      if (!wantsAll) return;
      continue;
    }
    try {
      if (await store.takeCheckpoint(one, signal)) here.push(one);
      if (!wantsAll) return;
    } catch (error) {
      if (!(error instanceof DamagedInStore)) throw error;
      await recordEvent(lease, 'warning', { message: `Checkpoint of step ${one.step}: ${error.message}` });
    }
  }
}

async function tellOfLost(lease: Lease, steps: number[]): Promise<void> {
  const newest = steps.at(-1);
  if (newest === undefined) return;
  const message = `The host that trained until now was lost before the store had its checkpoint of step ${newest}: what was trained since the one before is done again.`;
  await recordEvent(lease, 'warning', { message });
}
