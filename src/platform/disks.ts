import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Env } from './env.ts';
import { ifThere, ifUsable, roomAt } from './files.ts';

/** What lies on a disk: the folder of the service with its datasets and runs, what runs publish, or base models. */
export const HELD = ['home', 'outputs', 'models'] as const;
export type Held = (typeof HELD)[number];

/** A disk that a host writes on. */
export interface Disk {
  /** One of the folders on it. */
  path: string;
  holds: Held[];
  bytes: number;
  /** What may still be written there. */
  free_bytes: number;
}

/** With less, a disk is short of room: the checkpoints and the model of a small training take as much. */
export const LEAST_FREE_BYTES = 5e9;

/** The disks of this host, each once, whatever lies there; those of folders that may not be looked at are left out. */
export async function disksOf({ home, outputRoots, modelCache }: Folders): Promise<Disk[]> {
  const folders: [Held, string][] = [
    ['home', home],
    ...outputRoots.map((root): [Held, string] => ['outputs', root]),
    ['models', modelCache],
  ];
  const disks = new Map<number, Disk>();
  for (const [held, path] of folders) {
    const device = await ifUsable(deviceOf(path));
    if (device === null) continue;
    const known = disks.get(device);
    if (known) known.holds = [...new Set([...known.holds, held])];
    else disks.set(device, { path, holds: [held], ...(await roomAt(path)) });
  }
  return [...disks.values()];
}

type Folders = Pick<Env, 'home' | 'outputRoots' | 'modelCache'>;

/** Of the nearest folder that is there: what is not yet will be made on its disk. */
async function deviceOf(path: string): Promise<number> {
  const found = await ifThere(stat(path));
  return found === null ? await deviceOf(dirname(path)) : found.dev;
}
