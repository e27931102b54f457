import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifThere } from '../../platform/files.ts';
import type { RunPaths } from '../../runs/run-paths.ts';
import type { FileStore } from './file-store.ts';
import { foldersIn, walk } from './folders.ts';
import type { BackedUpFile } from './manifest.ts';

/** Of a run's folder, what is made again (logs, tokens, what the base says), is unfinished, or has rules of its own. */
const NOT_KEPT = [
  /^(logs|checkpoints|exports)(\/|$)/,
  /^(tokens-|\.?\w*references-)/,
  /^check\.json$/,
  /\.(damaged|partial)-/,
  /\.new$/,
  /(^|\/)(\.tmp|tmp)/,
  /\.[0-9a-f]{8}-[0-9a-f-]{27}$/,
];

/** Whether a file of a run's folder is worth keeping, by its path in there. */
export function isKept(name: string): boolean {
  return !NOT_KEPT.some((pattern) => pattern.test(name));
}

const ManifestSchema = z.looseObject({
  files: z.record(z.string(), z.looseObject({ sha256: z.string(), bytes: z.number() })),
});

/** A folder of a checkpoint. */
interface FoundCheckpoint {
  folder: string;
  step: number;
}

/** All checkpoints that were finished, newest claim first. */
export async function checkpointsOf({ checkpoints }: RunPaths): Promise<FoundCheckpoint[]> {
  const found: FoundCheckpoint[] = [];
  const claims = (await foldersIn(checkpoints)).filter((name) => /^e\d+$/.test(name));
  for (const claim of claims.sort((a, b) => Number(b.slice(1)) - Number(a.slice(1))))
    for (const name of await foldersIn(join(checkpoints, claim))) {
      const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
      if (step !== undefined) found.push({ folder: join(checkpoints, claim, name), step: Number(step) });
    }
  return found;
}

/** Looks so often for one: a training may save, and remove older ones, while a big one is copied. */
const ATTEMPTS = 5;

/**
 * Takes the checkpoints of a run that may go on, each as its own manifest has it. They may be newer than the database: a run goes on from
 * the newest that is there, and reads what the database lacks from its trainer's own record, which is therefore taken after them.
 * @param known the step of the newest that the database knows; `bring` fetches those that are elsewhere
 * @returns null where none is as new as the one that the database knows
 */
export async function takeCheckpoints(
  known: number | null,
  paths: RunPaths,
  store: FileStore,
  bring: () => Promise<void>,
): Promise<BackedUpFile[] | null> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await bring();
    const files: BackedUpFile[] = [];
    let newest = -1;
    for (const { folder, step } of await checkpointsOf(paths)) {
      const taken = await takeCheckpoint(folder, store);
      if (taken === null) continue;
      files.push(...taken);
      newest = Math.max(newest, step);
    }
    if (newest >= (known ?? -1)) return files;
  }
  return null;
}

/** Null where it is not whole: it is being saved or removed, or a file of it is not what was saved. */
async function takeCheckpoint(folder: string, store: FileStore): Promise<BackedUpFile[] | null> {
  const text = await ifThere(readFile(join(folder, 'manifest.json'), 'utf8'));
  if (text === null) return null;
  const manifest = ManifestSchema.safeParse(jsonOf(text));
  if (!manifest.success) return null;
  const files: BackedUpFile[] = [];
  for (const [name, { sha256 }] of Object.entries(manifest.data.files)) {
    const file = await store.add(join(folder, name));
    if (file === null || file.stored.sha256 !== sha256) return null;
    files.push(file);
  }
  // Last, and as it is now: one that is removed loses it, or a file, first.
  const vouching = await store.add(join(folder, 'manifest.json'));
  return vouching && [...files, vouching];
}

/** The files of a run's folder but its checkpoints and exports, which are there now. */
export async function* filesOfRun({ dir }: RunPaths): AsyncGenerator<string> {
  for await (const { name, path, isLink } of walk(dir)) if (!isLink && isKept(name)) yield path;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
