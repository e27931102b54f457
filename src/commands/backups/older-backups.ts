import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDurable } from '../../platform/durable-files.ts';
import { exists } from '../../platform/files.ts';
import { backupsIn, PARTIAL } from './manifest.ts';

/** In a backup that the service made by its schedule. What somebody made by hand is theirs, and stays. */
const SCHEDULED = 'scheduled';

/** Before the backup has its name. */
export async function markAsScheduled(folder: string): Promise<void> {
  await writeFile(join(folder, SCHEDULED), '', { mode: 0o600 });
}

/** The names of the whole ones that the schedule made, oldest first. */
export async function scheduledBackupsIn(directory: string): Promise<string[]> {
  const names = await backupsIn(directory);
  const isOurs = await Promise.all(names.map((name) => exists(join(directory, name, SCHEDULED))));
  return names.filter((_, index) => isOurs[index]);
}

/** Removes all of these but the last `keep`. Each loses its name first, so that none that is half removed looks whole. */
export async function removeOlder(directory: string, names: string[], keep: number): Promise<string[]> {
  const older = names.slice(0, -keep);
  for (const name of older) {
    const leaving = join(directory, `${name}${PARTIAL}`);
    await rename(join(directory, name), leaving);
    await makeDurable(directory);
    await rm(leaving, { recursive: true });
  }
  return older;
}
