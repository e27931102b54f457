import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type DataProcessOptions, inDataProcess } from './data-process.ts';
import type { MixRequest } from './mix.ts';

const part = z.object({ file: z.string(), rows: z.number().int(), sha256: z.string() });
const ManifestSchema = z.object({
  mixing_version: z.number().int(),
  random_version: z.string(),
  seed: z.number().int(),
  datasets: z.array(z.object({ id: z.number().int(), sha256: z.string() })),
  counts: z.array(
    z.object({ trait: z.string(), dataset_id: z.number().int(), train: z.number().int(), held_out: z.number().int() }),
  ),
  train: part,
  held_out: part,
});
export type MixtureManifest = z.infer<typeof ManifestSchema>;

export const MANIFEST = 'mixture.json';

/** The manifest of a mixture that is there in whole, or null. */
export async function readMixtureManifest(dir: string): Promise<MixtureManifest | null> {
  const text = await readFile(join(dir, MANIFEST), 'utf8').catch(() => null);
  return text === null ? null : ManifestSchema.parse(JSON.parse(text));
}

/**
 * Writes the planned mixture, in a process of its own: see mix.ts. `dir` appears when all of it is written.
 * @throws DatasetError; NoRoomError; the reason of the signal
 */
export async function writeMixture(
  { dir, ...request }: MixRequest,
  options: DataProcessOptions = {},
): Promise<MixtureManifest> {
  await mkdir(dirname(dir), { recursive: true });
  for (const name of await readdir(dirname(dir)))
    if (name.startsWith(`${basename(dir)}.partial`)) await rm(join(dirname(dir), name), { recursive: true });
  // Of its own: an attempt that was given up may still be at work in another.
  const partial = `${dir}.partial-${randomUUID()}`;
  await mkdir(partial);
  const manifest = await inDataProcess('mix', { ...request, dir: partial }, options);
  await rm(dir, { recursive: true, force: true });
  await rename(partial, dir);
  return manifest;
}
