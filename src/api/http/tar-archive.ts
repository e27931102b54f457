import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Header, type HeaderData, Pax } from 'tar';
import type { Piece } from './download.ts';

const BLOCK_BYTES = 512;
/** Two empty blocks. */
const END = Buffer.alloc(2 * BLOCK_BYTES);

/**
 * A directory as a tar archive, of which nothing is read yet but names and sizes: the same for as long as no file of it
 * changes. Owners are left out. What is neither file, directory nor link is as well.
 * @throws ENOENT where the directory, or a file while it is looked at, is not there
 */
export async function tarArchive(directory: string): Promise<Piece[]> {
  return [...(await entryOf(directory, basename(directory))), END];
}

async function entryOf(path: string, name: string): Promise<Piece[]> {
  const { size, mode, mtimeMs, mtimeNs, ...found } = await lstatOf(path);
  const mtime = new Date(mtimeMs);
  if (found.isDirectory) {
    const names = (await readdir(path)).sort();
    const entries: Piece[] = [headerOf({ path: `${name}/`, type: 'Directory', mode: 0o755, size: 0, mtime })];
    for (const child of names) entries.push(...(await entryOf(join(path, child), `${name}/${child}`)));
    return entries;
  }
  if (found.isSymbolicLink) {
    const linkpath = await readlink(path);
    return [headerOf({ path: name, type: 'SymbolicLink', mode: 0o777, size: 0, mtime, linkpath })];
  }
  if (!found.isFile) return [];
  const header = headerOf({ path: name, type: 'File', mode: mode & 0o100 ? 0o755 : 0o644, size, mtime });
  return [header, { path, bytes: size, mtimeNs }, Buffer.alloc(-size & (BLOCK_BYTES - 1))];
}

async function lstatOf(path: string) {
  const found = await lstat(path, { bigint: true });
  return {
    size: Number(found.size),
    mode: Number(found.mode),
    mtimeMs: Number(found.mtimeMs),
    mtimeNs: found.mtimeNs,
    isDirectory: found.isDirectory(),
    isFile: found.isFile(),
    isSymbolicLink: found.isSymbolicLink(),
  };
}

/** With an extended header (pax) before it where a name is too long for the old one, or a file too large. */
function headerOf(entry: HeaderData): Buffer {
  const header = new Header(entry);
  const block = Buffer.alloc(BLOCK_BYTES);
  if (!header.encode(block)) return block;
  const { path, linkpath, size, mtime } = entry;
  return Buffer.concat([new Pax({ path, linkpath, size, mtime } as HeaderData).encode(), block]);
}
