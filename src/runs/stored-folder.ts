import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { durableRenameFolder, isTaken, makeFolder } from '../platform/durable-files.ts';
import { exists, requireRoom, sha256OfFile } from '../platform/files.ts';
import type { ObjectStore } from '../platform/object-store/object-store.ts';
import { StoreError } from '../platform/object-store/store-error.ts';

/** Its name within a folder of the store. It is put there last and removed first, so a folder that has it is whole. */
export const INDEX = '.whole.json';

const IndexSchema = z.object({
  files: z.record(z.string(), z.object({ bytes: z.number().int(), sha256: z.string() })),
});
type Index = z.output<typeof IndexSchema>;

/** What the store has is not what was given to it. */
export class DamagedInStore extends StoreError {}

/**
 * Gives a folder to the store, where it is whole or not at all. What the store has of it already is not sent again, so a folder that
 * has grown may be given again. @throws StoreError; the reason of the signal; what reading the folder fails with
 */
export async function giveFolder(store: ObjectStore, name: string, path: string, signal?: AbortSignal): Promise<void> {
  const there = (await indexOf(store, name))?.files ?? {};
  const files: Index['files'] = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const key = relative(path, file);
    const known = there[key];
    const isThere = known !== undefined && (await isSame(file, known));
    files[key] = isThere ? known : await store.put(`${name}/${key}`, file, signal);
  }
  signal?.throwIfAborted();
  await store.putText(`${name}/${INDEX}`, JSON.stringify({ files } satisfies Index));
}

async function isSame(file: string, { bytes, sha256 }: { bytes: number; sha256: string }): Promise<boolean> {
  return (await stat(file)).size === bytes && (await sha256OfFile(file)) === sha256;
}

/**
 * Brings a folder from the store to `path`, where it appears as a whole; one that is there already stays.
 * @returns false where the store has none
 * @throws DamagedInStore where a file of it is not what was given; StoreError; NoRoomError
 */
export async function takeFolder(
  store: ObjectStore,
  name: string,
  path: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const index = await indexOf(store, name);
  if (index === null) return false;
  if (await exists(path)) return true;
  const partial = `${path}.partial-${randomUUID()}`;
  const entries = Object.entries(index.files);
  await requireRoom(
    path,
    entries.reduce((sum, [, { bytes }]) => sum + bytes, 0),
  );
  try {
    await makeFolder(partial);
    for (const [key, { bytes, sha256 }] of entries) {
      const file = join(partial, key);
      await mkdir(dirname(file), { recursive: true });
      const taken = await store.get(`${name}/${key}`, file, signal);
      if (taken?.bytes !== bytes || taken.sha256 !== sha256)
        throw new DamagedInStore(
          `The store ${store.address}: ${name}/${key} is ${taken ? 'not what was given to it' : 'gone'}.`,
        );
    }
    await durableRenameFolder(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another attempt put the same there.
    if (!isTaken(error)) throw error;
  }
  return true;
}

/** Gives a folder of the store a second place there. @returns false where the store has none */
export async function copyFolder(store: ObjectStore, from: string, to: string): Promise<boolean> {
  const index = await indexOf(store, from);
  if (index === null) return false;
  if ((await indexOf(store, to)) !== null) return true;
  for (const key of Object.keys(index.files)) await store.copy(`${from}/${key}`, `${to}/${key}`);
  await store.putText(`${to}/${INDEX}`, JSON.stringify(index));
  return true;
}

/** Removes a folder from the store. Interrupted, it leaves nothing that is taken for whole. */
export async function removeFolder(store: ObjectStore, name: string): Promise<void> {
  await store.remove(`${name}/${INDEX}`);
  await store.removeAll(`${name}/`);
}

async function indexOf(store: ObjectStore, name: string): Promise<Index | null> {
  const text = await store.getText(`${name}/${INDEX}`);
  return text === null ? null : IndexSchema.parse(JSON.parse(text));
}
