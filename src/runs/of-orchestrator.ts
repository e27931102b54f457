import { join } from 'node:path';
import { makeFolder, writeDurably } from '../platform/durable-files.ts';
import type { Env } from '../platform/env.ts';
import { exists } from '../platform/files.ts';

/** Its name tells people in which folder they are. */
const MARK = 'of-the-orchestrator';

/** Marks this MTM_HOME as the one in which the files of all runs come together. */
export async function markOfOrchestrator({ home }: Pick<Env, 'home'>): Promise<void> {
  if (await exists(join(home, MARK))) return;
  await makeFolder(home);
  await writeDurably(
    join(home, MARK),
    'The orchestrator publishes from this folder. Other hosts remove copies, and nothing here.\n',
  );
}

/** Whether this MTM_HOME is that one, or one disk with it. Where it is not, files of runs are copies of what the store has. */
export async function isOfOrchestrator({ home }: Pick<Env, 'home'>): Promise<boolean> {
  return await exists(join(home, MARK));
}
