import { lstat, opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from '../../platform/files.ts';

export interface Walked {
  /** Below the folder that was walked. */
  name: string;
  path: string;
  isLink: boolean;
}

/** All files of a folder and links in it, of which none is followed; nothing where it is not there, or is a link itself. */
export async function* walk(folder: string, below = ''): AsyncGenerator<Walked> {
  if (below === '' && !(await ifThere(lstat(folder)))?.isDirectory()) return;
  const entries = await ifThere(opendir(join(folder, below)));
  if (!entries) return;
  for await (const entry of entries) {
    const name = join(below, entry.name);
    if (entry.isDirectory()) yield* walk(folder, name);
    else if (entry.isFile() || entry.isSymbolicLink())
      yield { name, path: join(folder, name), isLink: entry.isSymbolicLink() };
  }
}

/** The names of the folders in a folder. */
export async function foldersIn(folder: string): Promise<string[]> {
  const entries = (await ifThere(readdir(folder, { withFileTypes: true }))) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
