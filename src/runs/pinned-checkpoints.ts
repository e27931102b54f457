import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { linkFolder } from '../platform/durable-files.ts';
import type { Env } from '../platform/env.ts';
import { exists, ifThere } from '../platform/files.ts';
import { removeByTrash } from '../platform/trash.ts';
import { RunFolder } from './run-folder.ts';
import { type PlacedRun, runPaths } from './run-paths.ts';

/** A checkpoint, and which claim of its run saved it. */
interface SavedCheckpoint {
  lease_epoch: number;
  step: number;
  path: string;
}

const ManifestSchema = z.looseObject({ files: z.record(z.string(), z.unknown()) });

/**
 * Gives the files of a checkpoint second names in its run's folder, where its trainer, which may be about to remove it, does not look. Takes no
 * room while the trainer has it as well. May run twice, also at once.
 * @returns where they are; null where one of them was removed before
 */
export async function keepCheckpoint(
  env: Pick<Env, 'home'>,
  run: PlacedRun,
  { lease_epoch, step, path }: SavedCheckpoint,
): Promise<string | null> {
  await new RunFolder(env, run).requireNoLinks();
  const kept = join(runPaths(env, run).pinned, `e${lease_epoch}-checkpoint-${step}`);
  if (!(await ifThere(linkFolder(path, kept)))) return null;
  if (await isWhole(kept)) return kept;
  await rm(kept, { recursive: true, force: true });
  return null;
}

/** Removes what was pinned of a run but these, by where they are kept. Of a run that has ended. */
export async function removeKeptCheckpoints(
  env: Pick<Env, 'home'>,
  run: PlacedRun,
  stillNeeded: readonly string[],
): Promise<void> {
  const { pinned } = runPaths(env, run);
  await new RunFolder(env, run).requireNoLinks();
  const needed = stillNeeded.map((path) => basename(path));
  for (const name of (await ifThere(readdir(pinned))) ?? [])
    if (!needed.includes(name)) await removeByTrash(join(pinned, name), 'work');
}

/** Whether it has all files of its manifest, which is the first that whoever removes a checkpoint takes away. */
async function isWhole(folder: string): Promise<boolean> {
  const text = await ifThere(readFile(join(folder, 'manifest.json'), 'utf8'));
  if (text === null) return false;
  const names = Object.keys(ManifestSchema.parse(JSON.parse(text)).files);
  return (await Promise.all(names.map((name) => exists(join(folder, name))))).every(Boolean);
}
