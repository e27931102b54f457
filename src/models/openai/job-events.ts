import { QueryTypes } from 'sequelize';
import { connection } from '../runs/run.ts';

/** Something that happened to a run of a job, or one of its steps (kind `step`). */
export interface JobEntry {
  /** Unique among both: they are numbered by one sequence. */
  seq: number;
  kind: string;
  data: Record<string, unknown>;
  total_steps: number | null;
  /** Why its run failed, where it did. */
  error_message: string | null;
  created_at: Date;
}

/** What fine-tuning jobs tell of. A run is queued and claimed again for each of its stages, and after each interruption: the first time counts. */
const TOLD = `(kind IN ('checkpoint', 'warning', 'waiting') OR kind = 'status' AND (data->>'status' IN ('completed', 'failed', 'cancelled')
  OR data->>'status' IN ('queued', 'running') AND NOT EXISTS (SELECT 1 FROM run_events AS earlier
    WHERE earlier.run_id = event.run_id AND earlier.kind = 'status' AND earlier.data->>'status' = event.data->>'status' AND earlier.seq < event.seq)))`;

/** Of all runs of a job, newest first, from the one with the number `from` downwards. */
export async function readJobEntries(jobId: number, from: number | null, limit: number): Promise<JobEntry[]> {
  const atMost = from === null ? '' : 'AND seq <= $from';
  return await connection().query<JobEntry>(
    `SELECT entry.seq, entry.kind, entry.data, run.total_steps, run.error_message, entry.created_at FROM (
       (SELECT run_id, seq, kind, data, created_at FROM run_events AS event
        WHERE run_id IN (SELECT id FROM runs WHERE job_id = $jobId) AND ${TOLD} ${atMost}
        ORDER BY seq DESC LIMIT $limit)
       UNION ALL
       (SELECT run_id, seq, 'step', jsonb_build_object('step', step, 'loss', loss, 'eval_loss', eval_loss), created_at FROM run_metrics
        WHERE run_id IN (SELECT id FROM runs WHERE job_id = $jobId) AND step > 0 ${atMost}
        ORDER BY seq DESC LIMIT $limit)
     ) AS entry JOIN runs AS run ON run.id = entry.run_id
     ORDER BY entry.seq DESC LIMIT $limit`,
    { bind: { jobId, limit, ...(from === null ? {} : { from }) }, type: QueryTypes.SELECT },
  );
}

/** Of a run that has ended: its losses by step. */
export interface StepLosses {
  step: number;
  loss: number | null;
  eval_loss: number | null;
}

export async function readLosses(runId: number): Promise<StepLosses[]> {
  return await connection().query<StepLosses>(
    'SELECT step, loss, eval_loss FROM run_metrics WHERE run_id = $runId AND step > 0 ORDER BY step',
    { bind: { runId }, type: QueryTypes.SELECT },
  );
}

/** Tokens that a run has trained on by now; null before its first step. */
export async function readTrainedTokens(runIds: number[]): Promise<Map<number, number>> {
  const rows = await connection().query<{ run_id: number; tokens: number }>(
    `SELECT run_id, max(tokens) AS tokens FROM run_metrics WHERE run_id = ANY($runIds::int[]) AND tokens IS NOT NULL GROUP BY run_id`,
    { bind: { runIds }, type: QueryTypes.SELECT },
  );
  return new Map(rows.map(({ run_id, tokens }) => [run_id, tokens]));
}
