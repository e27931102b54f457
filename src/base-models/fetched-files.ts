import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the files of a download lie until all are there and right: on the disk of the cache, and no model of it. */
export function fetchedDir(modelCache: string, key: string): string {
  return join(modelCache, '.downloading', key);
}

/** Removes them. None is what was wanted as well. */
export async function removeFetched(modelCache: string, key: string): Promise<void> {
  await rm(fetchedDir(modelCache, key), { recursive: true, force: true });
}
