import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { QueryTypes } from 'sequelize';
import type { Env } from '../env.ts';
import { Checkpoint } from '../models/checkpoint.ts';
import { Run } from '../models/run.ts';
import { adoptPin } from './pinned-model.ts';
import { runFiles } from './run-files.ts';

/** The claims of a run count from 1, so what it takes over is older than all that it saves itself. */
const ADOPTED_EPOCH = 0;

/**
 * Gives a run the mixture, the complete checkpoints and the base model's revision of the run that it goes on from, as hard
 * links: nobody changes these files, and either run may be deleted. The trainer verifies them before it uses them.
 * May run twice: folders appear whole, and rows are written once.
 */
export async function adoptRun(env: Env, run: Run, from: Run): Promise<void> {
  // A cancelled run's trainer may still be about to end: the next attempt of this activity looks again.
  if (from.workflow_started_at && !from.workflow_closed_at) throw new Error(`${from.workflow_id} is still ending.`);
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
  const [files, earlier] = [runFiles(env, run), runFiles(env, from)];
  await linkFolder(earlier.mixture, files.mixture);
  await adoptPin(earlier.model, files.model);
  if (from.plan) await Run.update({ plan: from.plan }, { where: { id: run.id } });
  const seen = new Set<number>();
  for (const { step, epoch, path, manifest_sha256, bytes } of checkpoints) {
    if (seen.has(step)) continue;
    seen.add(step);
    const adopted = join(files.dir, 'checkpoints', `e${ADOPTED_EPOCH}`, `checkpoint-${step}`);
    if (!(await linkFolder(path, adopted))) continue;
    await Checkpoint.bulkCreate(
      [
        {
          run_id: run.id,
          lease_epoch: ADOPTED_EPOCH,
          step,
          epoch,
          path: adopted,
          manifest_sha256,
          bytes,
          state: 'complete',
        },
      ],
      { ignoreDuplicates: true },
    );
  }
  await copyMetrics(run, from, Math.max(0, ...seen));
}

/** The loss curve goes on where the checkpoint does. */
async function copyMetrics(run: Run, from: Run, untilStep: number): Promise<void> {
  await Run.sequelize?.query(
    `INSERT INTO run_metrics (run_id, step, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device)
     SELECT $to, step, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device
     FROM run_metrics WHERE run_id = $from AND step <= $untilStep ON CONFLICT DO NOTHING`,
    { bind: { to: run.id, from: from.id, untilStep }, type: QueryTypes.INSERT },
  );
}

/** False when there is no such folder. */
async function linkFolder(source: string, target: string): Promise<boolean> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true }).catch(() => null);
  if (!entries) return false;
  if (await readdir(target).catch(() => null)) return true;
  const partial = `${target}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const copy = join(partial, relative(source, path));
    await mkdir(dirname(copy), { recursive: true });
    await link(path, copy);
  }
  await rename(partial, target);
  return true;
}
