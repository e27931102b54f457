import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { errnoOf, exists, ifThere } from './files.ts';

/** Makes what is written to a file, or the names in a folder, survive the loss of power. */
export async function makeDurable(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } catch (error) {
    // Some file systems do not sync folders, and keep their names by themselves.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'EISDIR') throw error;
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it that are missing, all of which are there after a loss of power as well. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made !== dirname(first); made = dirname(made)) await makeDurable(dirname(made));
}

/** Gives a file its final name, durably: after a loss of power it is there as a whole. Both names in the same file system. */
export async function durableRename(from: string, to: string): Promise<void> {
  await makeDurable(from);
  await rename(from, to);
  await makeDurable(dirname(to));
}

/** The same for a folder with all that is in it. @throws ENOTEMPTY or EEXIST where there is one of that name with something in it */
export async function durableRenameFolder(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  for (const entry of entries) if (entry.isFile()) await makeDurable(join(entry.parentPath, entry.name));
  for (const entry of entries) if (entry.isDirectory()) await makeDurable(join(entry.parentPath, entry.name));
  await durableRename(from, to);
}

/** Writes a file so that it has the old content or the new one, also after a loss of power. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    await writeFile(draft, content);
    await durableRename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** What file systems without hard links, or with few, answer to a link. */
const NO_LINK = ['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'];

/** Gives a file that nobody changes a second name; where the file system cannot, a copy. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!NO_LINK.includes(errnoOf(error) ?? '')) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** The codes with which a rename says that something is there already. */
export function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '');
}

/**
 * Puts the files of a folder at another place as well, of which nobody changes any. The folder appears there as a whole;
 * one that is there already stays. Several may do it at once.
 * @param isWanted by the names of the files
 * @returns false when the source does not exist
 */
export async function linkFolder(
  source: string,
  target: string,
  isWanted: (name: string) => boolean = () => true,
): Promise<boolean> {
  const entries = await ifThere(readdir(source, { recursive: true, withFileTypes: true }));
  if (!entries) return false;
  if (await exists(target)) return true;
  const partial = `${target}.partial-${randomUUID()}`;
  try {
    await makeFolder(partial);
    for (const entry of entries) {
      if (!entry.isFile() || !isWanted(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      const copy = join(partial, relative(source, path));
      await mkdir(dirname(copy), { recursive: true });
      await linkOrCopy(path, copy);
    }
    await durableRenameFolder(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another attempt put the same there.
    if (!isTaken(error)) throw error;
  }
  return true;
}
