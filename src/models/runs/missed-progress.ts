import { Op } from 'sequelize';
import type { CheckpointEvent, EvalEvent, StepEvent } from '../../trainer/protocol.ts';
import { bindOf, HELD, write } from './held-write.ts';
import type { Lease } from './lease.ts';
import { RunMetric } from './run-metric.ts';
import { bindOfCheckpoint, insertCheckpoint, markCheckpoint, setEvalLoss, UPSERT_STEPS } from './run-progress.ts';

/** Keeps a held-out loss that the earlier claim `doneBy` measured and could not report; nothing when it is kept already. */
export async function recordMissedEval(lease: Lease, doneBy: number, event: EvalEvent): Promise<void> {
  const { step, trait, loss, rows } = event;
  if (trait === null) await setEvalLoss(lease, doneBy, step, loss);
  await write(
    `INSERT INTO run_events (run_id, kind, data) SELECT $runId, 'eval', $data::jsonb WHERE ${HELD}
     AND NOT EXISTS (SELECT 1 FROM run_events WHERE run_id = $runId AND kind = 'eval' AND data->>'step' = $step::text
       AND data->>'trait' IS NOT DISTINCT FROM $trait::text)`,
    {
      ...bindOf(lease),
      step: `${step}`,
      trait,
      data: JSON.stringify({ step, trait, loss, rows, lease_epoch: lease.epoch }),
    },
  );
}

/** Some steps of a run, both ends among them, as one of its claims did them. */
export interface StepsOfClaim {
  epoch: number;
  from: number;
  to: number;
}

/** Whether all these steps have their metrics, and from this claim. */
export async function areRecorded(runId: number, { epoch, from, to }: StepsOfClaim): Promise<boolean> {
  const where = { run_id: runId, lease_epoch: epoch, step: { [Op.between]: [from, to] } };
  return (await RunMetric.count({ where })) === to - from + 1;
}

/** Writes steps that the earlier claim `doneBy` could not; those that it could stay as they are. */
export async function recordMissedSteps(lease: Lease, doneBy: number, steps: StepEvent[]): Promise<void> {
  if (steps.length === 0) return;
  await write(`${UPSERT_STEPS} WHERE run_metrics.lease_epoch < EXCLUDED.lease_epoch`, {
    ...bindOf(lease),
    doneBy,
    steps: JSON.stringify(steps),
  });
}

/** Indexes a checkpoint that the claim `epoch` saved and could not report; one that is there stays as it is. */
export async function recordMissedCheckpoint(lease: Lease, epoch: number, event: CheckpointEvent): Promise<void> {
  await write(`${insertCheckpoint('$savedBy')} ON CONFLICT (run_id, lease_epoch, step) DO NOTHING`, {
    ...bindOfCheckpoint(lease, event),
    savedBy: epoch,
  });
}

/** Says that an earlier claim put a checkpoint aside and could not report it; nothing when it is said already. */
export async function recordMissedQuarantine(
  lease: Lease,
  { path, reason }: { path: string; reason: string },
): Promise<void> {
  await markCheckpoint(lease, path, 'quarantined');
  await write(
    `INSERT INTO run_events (run_id, kind, data) SELECT $runId, 'quarantined', $data::jsonb WHERE ${HELD}
     AND NOT EXISTS (SELECT 1 FROM run_events WHERE run_id = $runId AND kind = 'quarantined' AND data->>'path' = $path)`,
    { ...bindOf(lease), path, data: JSON.stringify({ path, reason, lease_epoch: lease.epoch }) },
  );
}
