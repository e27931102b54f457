import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../platform/env.ts';
import { freeBytes, ifThere } from '../platform/files.ts';
import { cacheDir } from './run-paths.ts';

/** Who trains with a model again does so within weeks. */
const UNUSED_DAYS = 30;
const DAY_MS = 24 * 3_600_000;
/** Of what would be free without them, weights in 4 bits take so much at most; trainer/base_models/four_bits.py keeps none that would take more. */
const LARGEST_SHARE = 0.1;

interface Kept {
  path: string;
  bytes: number;
  usedAtMs: number;
}

/**
 * Removes from the cache of trainers what nobody has used for long, what is half made since yesterday, and, of weights in 4 bits, those that were
 * used longest ago while all take too much of the disk. A trainer that has some mapped goes on with them; the next makes them again.
 */
export async function tidyTrainerCache(env: Pick<Env, 'home'>): Promise<void> {
  const models = await keptIn(join(cacheDir(env), 'models'));
  const fourBits = join(cacheDir(env), 'four-bits');
  const kept = await keptIn(fourBits);
  const old = [...models, ...kept].filter(
    ({ path, usedAtMs }) => Date.now() - usedAtMs > (isWhole(path) ? UNUSED_DAYS : 1) * DAY_MS,
  );
  for (const { path } of old) await rm(path, { recursive: true, force: true });
  const left = kept.filter((one) => isWhole(one.path) && !old.includes(one)).sort((a, b) => a.usedAtMs - b.usedAtMs);
  if (left.length === 0) return;
  let bytes = left.reduce((sum, one) => sum + one.bytes, 0);
  const most = LARGEST_SHARE * ((await freeBytes(fourBits)) + bytes);
  for (const one of left) {
    if (bytes <= most) return;
    await rm(one.path, { recursive: true, force: true });
    bytes -= one.bytes;
  }
}

/** Names of what is half made have the process behind a dot that made it. */
function isWhole(path: string): boolean {
  return !/\.\d+$/.test(path);
}

/** Files, or folders of files. */
async function keptIn(dir: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const name of (await ifThere(readdir(dir))) ?? []) {
    const path = join(dir, name);
    // Trainers make and remove some meanwhile.
    const found = await ifThere(stat(path));
    if (!found) continue;
    let bytes = found.size;
    if (found.isDirectory())
      for (const file of (await ifThere(readdir(path))) ?? [])
        bytes += (await ifThere(stat(join(path, file))))?.size ?? 0;
    kept.push({ path, bytes, usedAtMs: found.mtimeMs });
  }
  return kept;
}
