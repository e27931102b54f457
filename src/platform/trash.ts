import { lstat, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isTaken } from './durable-files.ts';
import { ifThere } from './files.ts';

/** What stands before names of what is being removed: nobody takes it for what it was. */
const TRASH = '.trash-';

/** Whether a name in a folder is that of something that is being removed. */
export function isTrash(name: string): boolean {
  return name.startsWith(TRASH);
}

/**
 * Removes what lies at a path so that nobody finds half of it: it goes out of its place at once, under a name by which the next attempt
 * finds it after a kill. A link is removed itself, and nothing that it leads to.
 * @param id names the attempt at it, and no other thing of its folder
 * @param isStillWanted asked once it is out of its place, where nobody can take it any more: what is, is put back
 * @returns false where it was put back
 */
export async function removeByTrash(
  path: string,
  id: number | string,
  isStillWanted: (trash: string) => Promise<boolean> = async () => false,
): Promise<boolean> {
  const trash = join(dirname(path), `${TRASH}${id}-${basename(path)}`);
  const isOut = (await ifThere(lstat(trash))) ?? (await ifThere(rename(path, trash).then(() => true)));
  if (isOut === null) return true;
  if ((await isStillWanted(trash)) && (await putBack(trash, path))) return false;
  await rm(trash, { recursive: true, force: true, maxRetries: 5 });
  return true;
}

/** False where another has come to its place meanwhile. */
async function putBack(trash: string, path: string): Promise<boolean> {
  try {
    await rename(trash, path);
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}
