import { QueryTypes } from 'sequelize';
import type { TokenCount } from '../../datasets/draft.ts';
import type { CheckpointEvent, ComparedEvent, EvalEvent, PlanEvent, StepEvent } from '../../trainer/protocol.ts';
import type { ValidationResult } from '../../trainer/results.ts';
import { bindOf, HELD, write } from './held-write.ts';
import type { Lease } from './lease.ts';
import { connection, type TrainingRecord } from './run.ts';
import type { RunPhase } from './statuses.ts';

/** Training is shown as this part of a run's progress; exporting and validating are the rest. */
const TRAINING_SHARE_PERCENT = 95;
/** And this, once it is validated. */
const VALIDATED_PERCENT = 99;

/** A step that is there already moves to the end of the stream with its new figures. */
export const UPSERT_STEPS = `INSERT INTO run_metrics (run_id, lease_epoch, step, epoch, loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device,
       reward_margin, reward_accuracy)
     SELECT $runId, $doneBy, s.step, s.epoch, s.loss, s.learning_rate, s.grad_norm, s.tokens, s.tokens_per_s, s.memory_bytes, nullif(s.device, 'null'),
       s.reward_margin, s.reward_accuracy
     FROM jsonb_to_recordset($steps::jsonb) AS s(step int, epoch float8, loss float8, learning_rate float8, grad_norm float8, tokens int8,
       tokens_per_s float8, memory_bytes int8, device jsonb, reward_margin float8, reward_accuracy float8)
     WHERE ${HELD}
     ON CONFLICT (run_id, step) DO UPDATE SET lease_epoch = EXCLUDED.lease_epoch, epoch = EXCLUDED.epoch, loss = EXCLUDED.loss,
       learning_rate = EXCLUDED.learning_rate, grad_norm = EXCLUDED.grad_norm, tokens = EXCLUDED.tokens,
       tokens_per_s = EXCLUDED.tokens_per_s, memory_bytes = EXCLUDED.memory_bytes, device = EXCLUDED.device,
       reward_margin = EXCLUDED.reward_margin, reward_accuracy = EXCLUDED.reward_accuracy, eval_loss = NULL, removed = NULL, seq = EXCLUDED.seq, xid = EXCLUDED.xid, created_at = now()`;

/** Writes the latest step to the run's row and all given steps as metrics. False when the lease is not the latest. */
export async function recordSteps(lease: Lease, steps: StepEvent[]): Promise<boolean> {
  const last = steps.at(-1);
  if (!last) return true;
  const progress = last.total_steps ? (TRAINING_SHARE_PERCENT * last.step) / last.total_steps : 0;
  const held = await write(
    `UPDATE runs SET progress = $progress, current_step = $step, total_steps = $totalSteps, current_epoch = $currentEpoch,
       current_loss = $loss, tokens_per_s = $tokensPerS, seconds_left = $secondsLeft, phase = 'training',
       waiting_for = NULL, waiting_since = NULL, waiting_attempts = 0, updated_at = now()
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    {
      ...bindOf(lease),
      progress: Math.min(progress, TRAINING_SHARE_PERCENT),
      step: last.step,
      totalSteps: last.total_steps,
      currentEpoch: Math.ceil(last.epoch),
      loss: last.loss,
      tokensPerS: last.tokens_per_s,
      secondsLeft: last.seconds_left,
    },
  );
  if (!held) return false;
  return await write(UPSERT_STEPS, { ...bindOf(lease), doneBy: lease.epoch, steps: JSON.stringify(steps) });
}

/**
 * Keeps a held-out loss: over all traits as a figure of its step, which was written before, and each as an event. False when
 * the lease is not the latest.
 */
export async function recordEval(lease: Lease, { step, trait, loss, rows }: EvalEvent, nth: number): Promise<boolean> {
  if (trait === null) await setEvalLoss(lease, lease.epoch, step, loss);
  return await recordEvent(lease, 'eval', { step, trait, loss, rows }, nth);
}

/** The row keeps its place in the stream, where the event tells of the loss. */
export async function setEvalLoss(lease: Lease, doneBy: number, step: number, loss: number | null): Promise<void> {
  await write(
    `UPDATE run_metrics SET eval_loss = $loss WHERE run_id = $runId AND step = $step AND lease_epoch = $doneBy AND ${HELD}`,
    { ...bindOf(lease), doneBy, step, loss },
  );
}

/** A checkpoint that a claim saved, as a row. */
export function insertCheckpoint(epoch: '$epoch' | '$savedBy'): string {
  return `INSERT INTO checkpoints (run_id, lease_epoch, step, epoch, path, manifest_sha256, bytes, state)
     SELECT $runId, ${epoch}, $step, $trainingEpoch, $path, $sha256, $bytes, 'complete' WHERE ${HELD}`;
}

/** What that statement needs to be given. */
export function bindOfCheckpoint(lease: Lease, event: CheckpointEvent) {
  return {
    ...bindOf(lease),
    step: event.step,
    trainingEpoch: event.epoch,
    path: event.path,
    sha256: event.manifest_sha256,
    bytes: event.bytes,
  };
}

/** Indexes a checkpoint whose manifest is on disk. False when the lease is not the latest. */
export async function recordCheckpoint(lease: Lease, event: CheckpointEvent, nth: number): Promise<boolean> {
  const held = await write(
    `${insertCheckpoint('$epoch')}
     ON CONFLICT (run_id, lease_epoch, step) DO UPDATE SET path = EXCLUDED.path, manifest_sha256 = EXCLUDED.manifest_sha256,
       bytes = EXCLUDED.bytes, state = 'complete'`,
    bindOfCheckpoint(lease, event),
  );
  if (!held) return false;
  const { step, bytes, seconds, waited_seconds } = event;
  return await recordEvent(lease, 'checkpoint', { step, bytes, seconds, waited_seconds }, nth);
}

/**
 * Marks a checkpoint that was removed or put aside. Of one that somebody pinned the trainer removed its own names of the files alone: it is where
 * it is kept now. False when the lease is not the latest.
 */
export async function markCheckpoint(lease: Lease, path: string, state: 'pruned' | 'quarantined'): Promise<boolean> {
  return await write(
    `UPDATE checkpoints SET state = CASE WHEN $state::text = 'pruned' AND kept_path IS NOT NULL THEN state ELSE $state::text END,
       path = CASE WHEN $state::text = 'pruned' THEN coalesce(kept_path, path) ELSE path END
     WHERE run_id = $runId AND path = $path AND ${HELD}`,
    { ...bindOf(lease), path, state },
  );
}

/**
 * Appends an event. With `nth`, the how-manieth of its claim it is: writing it again, since nobody heard whether it was
 * written, changes nothing. False when the lease is not the latest.
 */
export async function recordEvent(
  lease: Lease,
  kind: string,
  data: Record<string, unknown>,
  nth?: number,
): Promise<boolean> {
  return await write(
    `INSERT INTO run_events (run_id, kind, data, origin) SELECT $runId, $kind, $data::jsonb, $origin WHERE ${HELD}
     ON CONFLICT (run_id, origin) DO UPDATE SET kind = EXCLUDED.kind`,
    {
      ...bindOf(lease),
      kind,
      data: JSON.stringify({ ...data, lease_epoch: lease.epoch }),
      origin: nth === undefined ? null : `e${lease.epoch}:${nth}`,
    },
  );
}

/** Says which part of its work a trainer has reached, and, with `message`, what takes a while there. False when the lease is not the latest. */
export async function recordPhase(
  lease: Lease,
  phase: RunPhase,
  message: string | null,
  nth: number,
): Promise<boolean> {
  const held = await write(
    `UPDATE runs SET phase = $phase, updated_at = now() WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    { ...bindOf(lease), phase },
  );
  return held && (await recordEvent(lease, 'phase', { phase, ...(message === null ? {} : { message }) }, nth));
}

/** The highest step of which the database knows a complete checkpoint, or one that the store has; null when there is none. */
export async function knownCheckpointStep(
  runId: number,
  where: 'anywhere' | 'in the store' = 'anywhere',
): Promise<number | null> {
  const sequelize = connection();
  const [row] = await sequelize.query<{ step: number | null }>(
    `SELECT max(step) AS step FROM checkpoints WHERE run_id = $runId AND state = 'complete' AND path IS DISTINCT FROM kept_path
       AND (stored_at IS NOT NULL OR $isAnywhere)`,
    { bind: { runId, isAnywhere: where === 'anywhere' }, type: QueryTypes.SELECT },
  );
  return row?.step ?? null;
}

/** Keeps what training gave. False when the lease is not the latest. */
export async function recordResult(lease: Lease, result: TrainingRecord): Promise<boolean> {
  return await write(
    `UPDATE runs SET result = $result::jsonb, updated_at = now()
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    { ...bindOf(lease), result: JSON.stringify(result) },
  );
}

/** Says how far a validation is. False when the lease is not the latest. */
export async function recordCompared(lease: Lease, { percent, seconds_left }: ComparedEvent): Promise<boolean> {
  const share = (VALIDATED_PERCENT - TRAINING_SHARE_PERCENT) / 100;
  return await write(
    `UPDATE runs SET progress = $progress, seconds_left = $secondsLeft, updated_at = now()
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    { ...bindOf(lease), progress: TRAINING_SHARE_PERCENT + share * percent, secondsLeft: seconds_left },
  );
}

/**
 * Keeps what validation found; of a project's run also what each held-out row gave, for later versions. False when the lease is
 * not the latest.
 */
export async function recordValidation(
  lease: Lease,
  { held_out, gate = null, ...validation }: ValidationResult,
): Promise<boolean> {
  const kept = held_out?.map(({ trait, scorer, rows }) => {
    return { trait, scorer, rows: rows.map(({ id, tokens, tuned }) => ({ id, tokens, ...tuned })) };
  });
  return await write(
    `UPDATE runs SET validation = $validation::jsonb, gate = nullif($gate::jsonb, 'null'),
       held_out = CASE WHEN project_id IS NULL THEN NULL ELSE nullif($kept::jsonb, 'null') END,
       progress = ${VALIDATED_PERCENT}, updated_at = now()
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    {
      ...bindOf(lease),
      validation: JSON.stringify(validation),
      gate: JSON.stringify(gate),
      kept: JSON.stringify(kept ?? null),
    },
  );
}

/** Says what training has before it, and keeps with the plan how many tokens the trainer found. */
export async function recordPlan(lease: Lease, found: PlanEvent): Promise<boolean> {
  const tokens: TokenCount = {
    countedRows: found.rows,
    examples: found.examples,
    perEpoch: found.tokens,
    longest: found.longest_tokens,
    truncatedRows: found.truncated_rows,
    droppedRows: found.dropped_rows,
    skippedRows: found.skipped_rows,
    refusedRows: found.refused_rows ?? 0,
    byDataset: found.tokens_by_dataset
      .map(({ dataset_id, tokens: count }) => ({ datasetId: dataset_id, tokens: count }))
      .sort((a, b) => a.datasetId - b.datasetId),
  };
  return await write(
    `UPDATE runs SET current_step = 0, total_steps = $totalSteps, plan = jsonb_set(plan, '{tokens}', $tokens::jsonb), updated_at = now()
     WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    { ...bindOf(lease), totalSteps: found.total_steps, tokens: JSON.stringify(tokens) },
  );
}

/** Says where training goes on from: after a loss of the worker that is before the last step that was seen. */
export async function recordPosition(lease: Lease, step: number): Promise<boolean> {
  return await write(
    `UPDATE runs SET current_step = $step, updated_at = now() WHERE id = $runId AND lease_epoch = $epoch AND status = 'running'`,
    { ...bindOf(lease), step },
  );
}
