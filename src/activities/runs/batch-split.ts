import { ApplicationFailure } from '@temporalio/activity';
import type { Lease } from '../../models/runs/lease.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { recordEvent } from '../../models/runs/run-progress.ts';
import { type BatchSplit, splitBatch } from '../../models/runs/run-spec.ts';
import { FAILURE_TYPES } from '../../workflows/contract.ts';

const KIND = 'batch_split';

/** The split of this run's batches as its last lack of memory left it; null when there was none. */
export async function currentSplit(runId: number): Promise<BatchSplit | null> {
  const latest = await RunEvent.findOne({ where: { run_id: runId, kind: KIND }, order: [['seq', 'DESC']] });
  if (!latest) return null;
  const { batch_size, gradient_accumulation } = latest.data;
  return { batch_size: Number(batch_size), gradient_accumulation: Number(gradient_accumulation) };
}

/**
 * After a training that did not fit into memory: the next attempt goes on from the last checkpoint with smaller
 * micro-batches and as many rows per step. It ends by itself: one row cannot be split.
 * @returns what the attempt is to fail with.
 */
export async function afterOutOfMemory(lease: Lease, split: BatchSplit, said: string): Promise<ApplicationFailure> {
  const smaller = splitBatch(split);
  if (!smaller) {
    return ApplicationFailure.nonRetryable(
      `${said} It has been tried with a batch_size of 1.`,
      FAILURE_TYPES.trainerFailed,
    );
  }
  const message = `Out of memory with a batch_size of ${split.batch_size}: going on with ${smaller.batch_size}, and gradient_accumulation ${smaller.gradient_accumulation} for the same rows per step.`;
  await recordEvent(lease, KIND, { ...smaller, message });
  return ApplicationFailure.create({ message, type: FAILURE_TYPES.outOfMemory, nextRetryDelay: 1_000 });
}
