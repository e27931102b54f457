import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../platform/env.ts';
import { freeBytes, ifThere } from '../platform/files.ts';
import { sizeOf } from '../platform/folder-size.ts';
import { isTrash } from '../platform/trash.ts';
import { cacheDir } from './run-paths.ts';

/** Of what would be free without them, weights in 4 bits take so much at most; trainer/base_models/four_bits.py keeps none that would take more. */
const LARGEST_SHARE = 0.1;

/** The folders of what trainers keep: of models, and weights in 4 bits. */
export function cacheFolders(env: Pick<Env, 'home'>) {
  return { models: join(cacheDir(env), 'models'), 'four-bits': join(cacheDir(env), 'four-bits') };
}

/**
 * Names of weights in 4 bits that were used longest ago while all take too much of the disk. A trainer that has some mapped goes on with
 * them; the next makes them again.
 */
export async function beyondTheirShare(env: Pick<Env, 'home'>): Promise<Set<string>> {
  const dir = cacheFolders(env)['four-bits'];
  const kept = (await keptIn(dir)).sort((a, b) => a.usedAtMs - b.usedAtMs);
  const beyond = new Set<string>();
  let bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
  if (kept.length === 0) return beyond;
  const most = LARGEST_SHARE * ((await freeBytes(dir)) + bytes);
  for (const one of kept) {
    if (bytes <= most) break;
    beyond.add(one.name);
    bytes -= one.bytes;
  }
  return beyond;
}

/** Names of what is half made have the process behind a dot that made it. */
export function isWholeInCache(name: string): boolean {
  return !/\.\d+$/.test(name);
}

async function keptIn(dir: string): Promise<{ name: string; bytes: number; usedAtMs: number }[]> {
  const kept = [];
  for (const name of (await ifThere(readdir(dir))) ?? []) {
    if (isTrash(name) || !isWholeInCache(name)) continue;
    // Trainers make and remove some meanwhile.
    const found = await ifThere(stat(join(dir, name)));
    if (found) kept.push({ name, bytes: (await sizeOf(join(dir, name))).bytes, usedAtMs: found.mtimeMs });
  }
  return kept;
}
