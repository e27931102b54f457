import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { durableRenameFolder, isTaken, makeFolder } from '../platform/durable-files.ts';
import type { DataProcessOptions } from './data-process.ts';
import { inDataProcess } from './in-data-process.ts';
import type { MixRequest } from './mix.ts';
import { type MixtureManifest, readMixtureManifest } from './mixture.ts';

/**
 * Plans and writes a mixture, in a process of its own: see mix.ts. `dir` appears when all of it is written, durably. Where
 * somebody else was faster, theirs stays: the same request gives the same bytes.
 * @throws DatasetError; NoRoomError; the reason of the signal
 */
export async function writeMixture(
  { dir, ...request }: MixRequest,
  options: DataProcessOptions = {},
): Promise<MixtureManifest> {
  // Of its own: an attempt that was given up may still be at work in another.
  const partial = `${dir}.partial-${randomUUID()}`;
  await makeFolder(partial);
  try {
    await inDataProcess('mix', { ...request, dir: partial }, options);
    await durableRenameFolder(partial, dir);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!isTaken(error)) throw error;
  }
  const manifest = await readMixtureManifest(dir);
  if (!manifest) throw new Error(`The mixture in ${dir} was removed while it was made.`);
  return manifest;
}
