import { QueryTypes } from 'sequelize';
import { connection } from './run.ts';

/** Only the newest are listed, so that a run that was interrupted for weeks still has a short list. */
const MOST_TOLD = 5;

/** A sentence for each, by the reason in the event that put the run back into the queue; null: its message says it. */
const SENTENCES: Record<string, ((workerId: string) => string) | null> = {
  worker_lost: (workerId) => `${workerId} was lost: it did not renew its lease in time.`,
  worker_stopping: (workerId) => `${workerId} was stopped; it saved first.`,
  drained: (workerId) => `${workerId} was drained; it saved first.`,
  abandoned: () => 'Temporal had not heard of the attempt for too long, or it was reset; it saved first.',
  paused: () => 'The run was paused; it saved first.',
  held: () => 'Its sweep held the run there, to compare it with others; it saved first.',
  full_disk: () => 'The disk was full.',
  failed_attempt: null,
};

/**
 * Why the attempts on a run before this one ended, oldest first, each as a sentence with its time, such as
 * `2026-11-28 06:19 UTC: worker-3f was lost: it did not renew its lease in time.` Attempts that did their stage are not among them.
 */
export async function interruptionsOf(runId: number): Promise<string[]> {
  const rows = await connection().query<{ at: string; why: Why; total: number }>(
    `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS at, data AS why, count(*) OVER ()::int AS total
     FROM run_events WHERE run_id = $runId AND kind = 'status' AND data->>'reason' = ANY($reasons)
     ORDER BY seq DESC LIMIT ${MOST_TOLD}`,
    { bind: { runId, reasons: Object.keys(SENTENCES) }, type: QueryTypes.SELECT },
  );
  const told = rows.map(({ at, why }) => `${at}: ${sentenceOf(why)}`).reverse();
  const untold = (rows[0]?.total ?? 0) - rows.length;
  return untold > 0 ? [`${untold} earlier ones are in the run's events.`, ...told] : told;
}

/** What the event says that put a run back into the queue. */
export interface Why {
  reason: string;
  worker_id?: string | null;
  message?: string;
}

/** Why an attempt ended, as a sentence. */
export function sentenceOf({ reason, worker_id, message }: Why): string {
  return SENTENCES[reason]?.(worker_id ?? 'A worker') ?? message ?? 'The attempt failed.';
}
