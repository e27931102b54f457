import { QueryTypes } from 'sequelize';
import type { SentEval, SentStep } from '../../trainer/tracker-sender.ts';
import { connection } from '../runs/run.ts';

/** So many at once go to a tracker: MLflow takes 1,000 figures a request, and a step has up to ten. */
const MOST_STEPS = 100;
const MOST_EVALS = 500;

/**
 * The next steps after one, in their order, without a hole: a step that an earlier claim could not report may still come. Of a run that
 * has ended none does, so `hasEnded` gives all.
 */
export async function stepsAfter(runId: number, step: number, hasEnded: boolean): Promise<SentStep[]> {
  const found = await connection().query<SentStep>(
    `SELECT step, (extract(epoch FROM created_at) * 1000)::int8 AS at_ms, jsonb_strip_nulls(jsonb_build_object('epoch', epoch, 'loss', loss,
       'learning_rate', learning_rate, 'grad_norm', grad_norm, 'tokens', tokens, 'tokens_per_s', tokens_per_s, 'memory_bytes', memory_bytes,
       'reward_margin', reward_margin, 'reward_accuracy', reward_accuracy)) AS figures
     FROM run_metrics WHERE run_id = $runId AND step > $step ORDER BY step LIMIT ${MOST_STEPS}`,
    { bind: { runId, step }, type: QueryTypes.SELECT },
  );
  if (hasEnded) return found;
  // Of a run that goes on from another one the first step is not 1.
  const first = step === 0 ? (found[0]?.step ?? 1) : step + 1;
  const hole = found.findIndex((row, index) => row.step !== first + index);
  return hole === -1 ? found : found.slice(0, hole);
}

/** The next held-out losses after an event. One that was measured again, after a loss of the worker, is told the first time alone. */
export async function evalsAfter(runId: number, seq: number): Promise<SentEval[]> {
  return await connection().query<SentEval>(
    `SELECT seq, (extract(epoch FROM created_at) * 1000)::int8 AS at_ms, (data->>'step')::int AS step, data->>'trait' AS trait,
       (data->>'loss')::float8 AS loss
     FROM run_events AS event
     WHERE run_id = $runId AND kind = 'eval' AND seq > $seq AND data->>'loss' IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM run_events AS earlier WHERE earlier.run_id = $runId AND earlier.kind = 'eval' AND earlier.seq < event.seq
         AND earlier.data->>'step' = event.data->>'step' AND earlier.data->>'trait' IS NOT DISTINCT FROM event.data->>'trait'
         AND earlier.data->>'loss' IS NOT NULL)
     ORDER BY seq LIMIT ${MOST_EVALS}`,
    { bind: { runId, seq }, type: QueryTypes.SELECT },
  );
}
