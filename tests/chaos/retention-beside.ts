import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { until } from '../support/service.ts';
import { wrongFiles } from './evidence.ts';
import type { Target } from './faults.ts';
import { completeCheckpoints } from './tear.ts';
import type { ChaosWorld } from './world.ts';

const PASSES = 5;
const REMOVED_WITHIN_MS = 90_000;
/** As little as may be set. */
const NOTHING_IS_KEPT = {
  deleted_runs: 0,
  idempotency_keys: 1,
  notification_deliveries: 1,
  worker_logs: 1,
  mixtures: 1 / 24,
  starts: 1 / 24,
  trainer_cache: 1,
  exports: 0,
  checkpoints_of_completed_runs: 0,
  checkpoints_of_failed_runs: 0,
};

/**
 * What is due goes at once, again and again. What an open run needs it shows by itself: it goes on from its checkpoint, to the same
 * weights. What somebody pinned, and what is published, is looked at here.
 */
export async function cleanMeanwhile({ world, run }: Target): Promise<void> {
  const pinned = await pinOne(world);
  const ask = (method: string, path: string, body: unknown) => world.api.persist(method, path, body, randomUUID());
  const change = async (retention: unknown) => {
    const { status, body } = await ask('PATCH', '/config/', { retention });
    if (status !== 200) throw new Error(`PATCH /config/: ${JSON.stringify(body)}`);
  };
  const { body: before } = await ask('GET', '/config/', undefined);
  await change(NOTHING_IS_KEPT);
  for (let pass = 0; pass < PASSES; pass++) {
    const { status, body } = await ask('POST', '/storage/clean', { dry_run: false });
    if (status !== 200 && status !== 202)
      world.violations.push(`Retention beside ${run.workflowId}: POST /storage/clean: ${JSON.stringify(body)}.`);
  }
  await change(before.retention);
  if (pinned && (await completeCheckpoints(pinned.root)).length < pinned.checkpoints)
    world.violations.push(`Retention: checkpoints of run ${pinned.runId} are gone, which is pinned.`);
  world.pinned.push(...(pinned ? [pinned] : []));
}

/** Pins a run that has ended and still has checkpoints. */
async function pinOne(world: ChaosWorld): Promise<ChaosWorld['pinned'][0] | null> {
  const rows = await world.query<{ id: number; job_id: number; number: number }>(
    `SELECT id, job_id, number FROM runs WHERE status = 'completed' AND job_id IS NOT NULL ORDER BY id DESC LIMIT 20`,
    [],
  );
  for (const { id, job_id, number } of rows) {
    const root = join(world.service.env.home, 'runs', String(id), 'checkpoints');
    if ((await completeCheckpoints(root)).length === 0) continue;
    const pin = await world.api.persist('POST', `/jobs/${job_id}/pin?run=${number}`, { pinned: true }, randomUUID());
    const checkpoints = (await completeCheckpoints(root)).length;
    // A policy may have taken them right before.
    if (pin.status === 200 && checkpoints > 0) return { runId: id, root, checkpoints };
  }
  return null;
}

/** At the end: nothing is half removed, and what is pinned or published is there. */
export async function wrongRemovals(world: ChaosWorld): Promise<string[]> {
  const open = async () =>
    await world.query<{ name: string }>('SELECT name FROM storage_removals WHERE finished_at IS NULL', []);
  await until(
    'what is decided to go to be gone',
    async () => ((await open()).length === 0 ? true : null),
    REMOVED_WITHIN_MS,
  ).catch(() => {});
  const wrong = (await open()).map(({ name }) => `${name} was to go and is not gone`);
  for (const { runId, root, checkpoints } of world.pinned)
    if ((await completeCheckpoints(root)).length < checkpoints)
      wrong.push(`checkpoints of run ${runId} are gone, which is pinned`);
  const models = await world.query<{ output_path: string; sha256: string }>(
    `SELECT output_path, result->>'weights_sha256' AS sha256 FROM runs WHERE status = 'completed'`,
    [],
  );
  for (const { output_path, sha256 } of models)
    wrong.push(...(await wrongFiles(output_path, sha256)).map((sentence) => `${output_path} ${sentence}`));
  return wrong;
}
