import { QueryTypes } from 'sequelize';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import type { Env } from '../../platform/env.ts';
import { TransientError, UserError } from '../../platform/failure.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runPaths } from '../../runs/run-paths.ts';
import { type RunStore, runStoreOf } from '../../runs/run-store.ts';

/** The claims of a run count from 1, so what it takes over is older than all that it saves itself. */
const ADOPTED_EPOCH = 0;
/** So many steps are copied by one statement, none of which takes long. */
const STEPS_AT_ONCE = 20_000;

/**
 * Gives a run the mixture, the complete checkpoints and the base model's revision of the run that it goes on from, as second
 * names of the files: nobody changes these files, and either run may be deleted. The trainer verifies them before it uses
 * them. May run twice: folders appear whole, and rows are written once.
 * @throws UserError when there were checkpoints, and none is there now: to start again at 0 is for a person to decide
 */
export async function adoptRun(env: Env, run: Run, from: Run): Promise<void> {
  // A cancelled run's trainer may still be about to end: the next attempt of this activity looks again.
  if (from.workflow_started_at && !from.workflow_closed_at)
    throw new TransientError(`Run ${from.number}, which this one goes on from, is still ending.`);
  const checkpoints = await Checkpoint.findAll({
    where: { run_id: from.id, state: 'complete' },
    order: [
      ['lease_epoch', 'DESC'],
      ['step', 'DESC'],
    ],
  });
  // One that ended before it had anything of its own was itself to go on from another.
  if (checkpoints.length === 0 && from.resumes_run_id !== null) {
    const before = await Run.findByPk(from.resumes_run_id);
    if (before) return await adoptRun(env, run, before);
  }
  const folder = new RunFolder(env, run);
  const earlier = runPaths(env, from);
  await folder.takeMixture(earlier.mixture);
  await folder.takePin('model', earlier.model);
  await folder.takePin('embeddingModel', earlier.embeddingModel);
  if (from.plan) await Run.update({ plan: from.plan }, { where: { id: run.id } });
  const stores = storesOf(env, run, from);
  const adopted = await adoptCheckpoints(folder, stores, run, checkpoints);
  const [known] = checkpoints;
  if (known && adopted === null) {
    throw new UserError(
      `Checkpoints of run ${from.number} were saved (the newest of step ${known.step}), and none is under ${earlier.checkpoints} now. Put the files back and start again, or send {"fresh": true} to start at step 0.`,
    );
  }
  if (adopted !== null) await copyMetrics(run, from, adopted);
}

/** Where hosts have no common folder, the store has the checkpoints. */
function storesOf(env: Env, run: Run, from: Run): { ours: RunStore; theirs: RunStore } | null {
  const [ours, theirs] = [runStoreOf(env, run), runStoreOf(env, from)];
  return ours && theirs && { ours, theirs };
}

/** The highest step of which there is a checkpoint now; null when there is none. */
async function adoptCheckpoints(
  folder: RunFolder,
  stores: { ours: RunStore; theirs: RunStore } | null,
  run: Run,
  checkpoints: Checkpoint[],
): Promise<number | null> {
  const adopted = new Set<number>();
  const missing: number[] = [];
  for (const { step, epoch, lease_epoch, path, manifest_sha256, bytes } of checkpoints) {
    if (adopted.has(step)) continue;
    const ours = { epoch: ADOPTED_EPOCH, step };
    const isStored = await stores?.ours.adoptCheckpoint(stores.theirs, { epoch: lease_epoch, step }, ours);
    const here = await folder.takeCheckpoint(path, ADOPTED_EPOCH, step);
    const taken = isStored ? stores?.ours.placeOf(ours) : here;
    if (!taken) {
      missing.push(step);
      continue;
    }
    adopted.add(step);
    const row = { run_id: run.id, lease_epoch: ADOPTED_EPOCH, step, epoch, path: taken, manifest_sha256, bytes };
    const stored_at = isStored ? new Date() : null;
    await Checkpoint.bulkCreate([{ ...row, state: 'complete', stored_at }], { ignoreDuplicates: true });
  }
  if (adopted.size === 0) return null;
  const newest = Math.max(...adopted);
  const lost = missing.filter((step) => step > newest);
  if (lost.length > 0) {
    const message = `The checkpoints of step ${lost.join(', ')} are not in their folder any more: training goes on from step ${newest}.`;
    await RunEvent.create({ run_id: run.id, kind: 'warning', data: { message } });
  }
  return newest;
}

/** The loss curve goes on where the checkpoint does. */
async function copyMetrics(run: Run, from: Run, untilStep: number): Promise<void> {
  for (let after = 0; after < untilStep; after += STEPS_AT_ONCE) {
    await Run.sequelize?.query(
      `INSERT INTO run_metrics (run_id, step, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device, reward_margin, reward_accuracy, removed)
       SELECT $to, step, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device, reward_margin, reward_accuracy, removed
       FROM run_metrics WHERE run_id = $from AND step > $after AND step <= $until ON CONFLICT DO NOTHING`,
      {
        bind: { to: run.id, from: from.id, after, until: Math.min(after + STEPS_AT_ONCE, untilStep) },
        type: QueryTypes.INSERT,
      },
    );
  }
  // Asked after them: a policy says so before it removes any.
  await Run.sequelize?.query(
    `UPDATE runs SET thinned_until_step = least(thinned.thinned_until_step, $untilStep), thinned_steps_per_bucket = thinned.thinned_steps_per_bucket
     FROM runs AS thinned WHERE runs.id = $to AND thinned.id = $from AND thinned.thinned_until_step IS NOT NULL`,
    { bind: { to: run.id, from: from.id, untilStep }, type: QueryTypes.UPDATE },
  );
}
