import { readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomIntegers } from '../../src/datasets/random.ts';
import type { FileCall } from './files-shim.ts';

/** A name that may not survive: its folder was not synced since. */
interface Name {
  how: 'made' | 'renamed';
  path: string;
  from: string;
  grave: string;
}

/** What is not on the disk for good. */
export interface Unsynced {
  /** In the order in which they were made; each path as it is now. */
  names: Name[];
  /** Files that were written since they were synced, and how many bytes of each are safe. */
  contents: Map<string, number>;
}

/**
 * What a loss of power may undo, by what POSIX promises and no more: the content of a file is safe once it was synced, a name
 * once its folder was. (Most file systems keep more.) Removals count as done.
 */
export function unsyncedOf(calls: FileCall[]): Unsynced {
  let names: Name[] = [];
  const contents = new Map<string, number>();
  const safe = new Map<string, number>();
  for (const { what, path, other, grave } of calls) {
    switch (what) {
      case 'create':
        names.push({ how: 'made', path, from: '', grave: '' });
        contents.set(path, 0);
        break;
      case 'mkdir':
      case 'symlink':
        names.push({ how: 'made', path, from: '', grave: '' });
        break;
      case 'link':
        names.push({ how: 'made', path, from: '', grave: '' });
        for (const of of [contents, safe]) copy(of, other, path);
        break;
      case 'dirty': {
        // What was there before anybody looked is taken to be safe.
        const bytes = contents.get(path) ?? safe.get(path);
        if (bytes !== undefined) contents.set(path, bytes);
        break;
      }
      case 'sync':
        if (other === '') names = names.filter((name) => dirname(name.path) !== path);
        contents.delete(path);
        if (other !== '') safe.set(path, Number(other));
        break;
      case 'remove':
        names = names.filter((name) => !isWithin(name.path, path));
        for (const of of [contents, safe]) for (const key of of.keys()) if (isWithin(key, path)) of.delete(key);
        break;
      case 'rename':
        for (const of of [contents, safe]) of.delete(other);
        names = names.filter((name) => !isWithin(name.path, other));
        move(names, [contents, safe], path, other);
        names.push({ how: 'renamed', path: other, from: path, grave });
    }
  }
  return { names, contents };
}

/**
 * Loses it: all, or by chance (the last so many names, and some contents), or contents alone, as with a file system that
 * writes its journal before its data. What is lost of a file is cut off or reads as zeros.
 * @returns what was done, for a person
 */
export async function lose({ names, contents }: Unsynced, seed: string): Promise<string[]> {
  const below = randomIntegers(`power ${seed}`);
  const way = below(3);
  const done: string[] = [];
  for (const [path, bytes] of contents) {
    if (way === 1 && below(2) === 0) continue;
    const found = await stat(path).catch(() => null);
    if (!found?.isFile() || found.size <= bytes) continue;
    if (below(2) === 0) await truncate(path, bytes);
    else
      await writeFile(
        path,
        Buffer.concat([(await readFile(path)).subarray(0, bytes), Buffer.alloc(found.size - bytes)]),
      );
    done.push(`lost ${found.size - bytes} bytes of ${path}`);
  }
  const kept = way === 2 ? names.length : way === 1 ? below(names.length + 1) : 0;
  const left = names.map((name) => ({ ...name }));
  while (left.length > kept) {
    const { how, path, from, grave } = left.pop() as Name;
    try {
      if (how === 'made') await rm(path, { recursive: true });
      else {
        await rename(path, from);
        move(left, [], path, from);
        if (grave !== '') await rename(grave, path);
      }
      done.push(how === 'made' ? `lost the name ${path}` : `undid the rename to ${path}`);
    } catch {
      // It was removed meanwhile, with its folder or by another hand.
    }
  }
  return done;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** What is below `from` is below `to` from now on. */
function move(names: Name[], maps: Map<string, number>[], from: string, to: string): void {
  for (const name of names) if (isWithin(name.path, from)) name.path = to + name.path.slice(from.length);
  for (const map of maps)
    for (const [key, value] of [...map])
      if (isWithin(key, from)) {
        map.delete(key);
        map.set(to + key.slice(from.length), value);
      }
}

function copy(map: Map<string, number>, from: string, to: string): void {
  const value = map.get(from);
  if (value === undefined) map.delete(to);
  else map.set(to, value);
}
