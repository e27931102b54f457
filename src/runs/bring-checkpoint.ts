import { join } from 'node:path';
import { exists } from '../platform/files.ts';
import { checkpointsHere, isAmong } from './checkpoints-here.ts';
import { runPaths } from './run-paths.ts';
import { type BegunRun, type RunFilesEnv, type RunStore, runStoreOf } from './run-store.ts';

/** Where a checkpoint lies, as its row says: on each host the same. */
interface LyingCheckpoint {
  lease_epoch: number;
  step: number;
  path: string;
}

/** Whether a checkpoint is on this machine. Where hosts have no common folder, it is brought from the store first. @throws StoreError */
export async function bringCheckpoint(
  env: RunFilesEnv,
  run: BegunRun,
  { lease_epoch: epoch, step, path }: LyingCheckpoint,
): Promise<boolean> {
  if (await exists(join(path, 'manifest.json'))) return true;
  return (await runStoreOf(env, run)?.takeCheckpoint({ epoch, step })) ?? false;
}

/** Gives the store the checkpoints of a run that are on this machine alone: it was restored from a backup, or goes on from another. */
export async function giveCheckpointsHere(env: RunFilesEnv, run: BegunRun, store: RunStore): Promise<void> {
  const there = await store.checkpoints();
  for (const one of await checkpointsHere(runPaths(env, run))) {
    const place = store.placeOf(one);
    if (!isAmong(one, there) && (await exists(join(place, 'manifest.json')))) await store.giveCheckpoint(one, place);
  }
}
