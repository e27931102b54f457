import { tellOfDisk } from '../../models/notifications/tell-of-machine.ts';
import { disksOf } from '../../platform/disks.ts';
import type { Env } from '../../platform/env.ts';

/** Looks at the disks of this machine, and tells of those that are short of room. */
export async function watchDisks(env: Env): Promise<void> {
  for (const disk of await disksOf(env)) await tellOfDisk(env.hostName, disk);
}
