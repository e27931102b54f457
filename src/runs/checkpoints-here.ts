import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linkFolder } from '../platform/durable-files.ts';
import { exists, ifThere } from '../platform/files.ts';
import type { Claim } from './run-folder.ts';
import type { RunPaths } from './run-paths.ts';

/** A checkpoint, by the claim that saved it. */
export interface CheckpointName {
  epoch: number;
  step: number;
}

/** Whether a checkpoint is among these. */
export function isAmong(one: CheckpointName, others: CheckpointName[]): boolean {
  return others.some(({ epoch, step }) => epoch === one.epoch && step === one.step);
}

/** All checkpoints of a run that lie on this host, whole or not. */
export async function checkpointsHere({ checkpoints }: RunPaths): Promise<CheckpointName[]> {
  const found: CheckpointName[] = [];
  for (const claim of (await ifThere(readdir(checkpoints))) ?? [])
    for (const name of (await ifThere(readdir(join(checkpoints, claim)))) ?? []) {
      const [, epoch, step] = /^e(\d+)\/checkpoint-(\d+)$/.exec(`${claim}/${name}`) ?? [];
      if (step !== undefined) found.push({ epoch: Number(epoch), step: Number(step) });
    }
  return found;
}

/** Ends the names of those that are held: a trainer takes none of them for a checkpoint. */
const HELD = '.held';

/** Second names of a checkpoint's files, which stay where the trainer makes room. */
export interface HeldCheckpoint extends CheckpointName {
  folder: string;
}

/** Where a checkpoint of a run lies on this host, if it does. */
export function checkpointPlace(
  { checkpoints }: Pick<RunPaths, 'checkpoints'>,
  { epoch, step }: CheckpointName,
): string {
  return join(checkpoints, `e${epoch}`, `checkpoint-${step}`);
}

/** Gives the files of a checkpoint second names. @returns null where it is not there any more as a whole */
export async function holdCheckpoint(paths: RunPaths, one: CheckpointName): Promise<HeldCheckpoint | null> {
  const place = checkpointPlace(paths, one);
  const held = { ...one, folder: `${place}${HELD}` };
  if (!(await linkFolder(place, held.folder))) return null;
  // The trainer takes the manifest away first where it makes room.
  if (await exists(join(held.folder, 'manifest.json'))) return held;
  await letGo(held);
  return null;
}

export async function letGo({ folder }: HeldCheckpoint): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Removes checkpoints of earlier claims that do not count any more, and what they held. */
export async function removeCheckpointsHere(paths: RunPaths, gone: CheckpointName[], claim: Claim): Promise<void> {
  for (const one of gone) {
    if (one.epoch >= claim.epoch) continue;
    claim.requireInForce();
    await rm(checkpointPlace(paths, one), { recursive: true, force: true });
  }
  for (const folder of (await ifThere(readdir(paths.checkpoints))) ?? [])
    for (const name of (await ifThere(readdir(join(paths.checkpoints, folder)))) ?? []) {
      if (!name.endsWith(HELD)) continue;
      claim.requireInForce();
      await rm(join(paths.checkpoints, folder, name), { recursive: true, force: true });
    }
}
