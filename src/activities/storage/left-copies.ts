import { readdir } from 'node:fs/promises';
import { Run } from '../../models/runs/run.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import type { Env } from '../../platform/env.ts';
import { ifThere } from '../../platform/files.ts';
import { placedByCard } from '../../runs/ids-on-disk.ts';
import { isOfOrchestrator } from '../../runs/of-orchestrator.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runsDir } from '../../runs/run-paths.ts';

/**
 * Removes what ended runs left on a host whose MTM_HOME is not the orchestrator's: copies of what is in the store, or was published
 * from there. Does nothing anywhere else.
 */
export async function removeLeftCopies(env: Env): Promise<void> {
  if (env.storeUrl === undefined || (await isOfOrchestrator(env))) return;
  for (const name of (await ifThere(readdir(runsDir(env)))) ?? []) {
    if (!/^\d+$/.test(name)) continue;
    const run = await Run.findByPk(Number(name));
    if (run && !(isFinal(run.status) && run.workflow_closed_at !== null)) continue;
    const placed = run ?? (await placedByCard(env, Number(name)));
    if (placed) await new RunFolder(env, placed).remove();
  }
}
