import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from './files.ts';

/** Which entries below a folder are things of their own, and who hears how large each is. None is looked for within another. */
interface Things {
  isThing: (name: string) => boolean;
  heard: (path: string, bytes: number) => void;
}

/**
 * Bytes and number of the files at a path, without following a link and with one entry in memory at a time. What is removed meanwhile
 * does not count.
 */
export async function sizeOf(path: string, things?: Things): Promise<{ files: number; bytes: number }> {
  const found = await ifThere(lstat(path));
  if (!found) return { files: 0, bytes: 0 };
  if (!found.isDirectory()) return { files: 1, bytes: found.size };
  const size = { files: 0, bytes: 0 };
  for await (const name of namesIn(path)) {
    const at = join(path, name);
    const isThing = things?.isThing(name) ?? false;
    const inner = await sizeOf(at, isThing ? undefined : things);
    if (isThing) things?.heard(at, inner.bytes);
    size.files += inner.files;
    size.bytes += inner.bytes;
  }
  return size;
}

/** The names in a folder, a few in memory at a time; none where there is no folder. */
export async function* namesIn(path: string): AsyncGenerator<string> {
  const folder = await ifThere(opendir(path));
  if (!folder) return;
  for await (const { name } of folder) yield name;
}
