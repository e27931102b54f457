import type { StatsFs } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** What users of the disk on which `path` is, or will be once it is made, may still write. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await diskOf(path);
  return bavail * bsize;
}

/** Whether that disk has a place for another file: there are disks whose files are counted, and used up before their bytes. */
export async function mayHoldMoreFiles(path: string): Promise<boolean> {
  const { files, ffree } = await diskOf(path);
  return files === 0 || ffree > 0;
}

async function diskOf(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return await diskOf(parent);
  }
}

/** Whether this is how a write ends for which the disk has no room. DuckDB has no code for it, only the system's words. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ENOSPC') || error.message.includes('No space left on device');
}
