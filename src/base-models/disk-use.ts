import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ifUsable } from '../platform/files.ts';
import type { FoundModel } from './found-model.ts';

/**
 * What a model takes of the disk, with all of its revisions where it is in the cache: two of them share the files that they have in
 * common. Null where there is none of it, or where it may not be read.
 */
export async function diskBytesOf({ directory }: FoundModel): Promise<number | null> {
  if (directory === null) return null;
  const snapshots = dirname(directory);
  const entries = await ifUsable(
    readdir(snapshots.endsWith('/snapshots') ? dirname(snapshots) : directory, {
      recursive: true,
      withFileTypes: true,
    }),
  );
  if (entries === null) return null;
  // Links of a snapshot lead to blobs, which are counted by themselves.
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await ifUsable(lstat(join(parentPath, name))))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
