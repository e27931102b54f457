import { QueryTypes } from 'sequelize';
import type { DeviceFigures } from '../trainer/protocol.ts';
import { connection } from './run.ts';

/** A place in the stream of a run; what is after it is new. */
export interface StreamPlace {
  /** Decimal, since xid8 is wider than a number. */
  xid: string;
  seq: number;
}

/** An event of a run, or one of its steps (kind `step`). */
export interface StreamEntry extends StreamPlace {
  kind: string;
  data: Record<string, unknown>;
  created_at: Date;
}

export const STREAM_START: StreamPlace = { xid: '0', seq: 0 };

/**
 * Events and steps of a run after a place, in an order in which nothing can appear before what was read: only of
 * transactions older than every one that is still open (pg_current_snapshot, PostgreSQL manual, "Transaction ID and
 * Snapshot Information Functions").
 */
export async function readStream(runId: number, after: StreamPlace, limit: number): Promise<StreamEntry[]> {
  const sequelize = connection();
  return await sequelize.query<StreamEntry>(
    `SELECT xid::text AS xid, seq, kind, data, created_at FROM (
       SELECT xid, seq, kind, data, created_at FROM run_events
       WHERE run_id = $runId AND (xid, seq) > ($xid::xid8, $seq)
       UNION ALL
       SELECT xid, seq, 'step', jsonb_build_object('step', step, 'epoch', epoch, 'loss', loss, 'learning_rate', learning_rate,
         'grad_norm', grad_norm, 'tokens', tokens, 'tokens_per_s', tokens_per_s, 'memory_bytes', memory_bytes, 'device', device), created_at FROM run_metrics
       WHERE run_id = $runId AND (xid, seq) > ($xid::xid8, $seq)
     ) AS entries
     WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY entries.xid, seq LIMIT $limit`,
    { bind: { runId, xid: after.xid, seq: after.seq, limit }, type: QueryTypes.SELECT },
  );
}

/**
 * One point of a loss curve: figures averaged over the steps that it stands for; `step` is the last of them, and `device` what
 * was told last.
 */
export interface MetricPoint {
  step: number;
  epoch: number;
  loss: number | null;
  eval_loss: number | null;
  learning_rate: number | null;
  grad_norm: number | null;
  tokens: number | null;
  tokens_per_s: number | null;
  memory_bytes: number | null;
  device: DeviceFigures | null;
}

/** Each point is the mean of at most so many steps, the last ones of those that it stands for: found by their key, however many there are. */
const STEPS_OF_A_POINT = 100;

/** At most `points` points over all steps of a run, evenly by step, and how many steps there are. Every held-out loss is among them. */
export async function readMetrics(runId: number, points: number): Promise<{ steps: number; points: MetricPoint[] }> {
  const sequelize = connection();
  const [last] = await sequelize.query<{ step: number | null }>(
    'SELECT max(step) AS step FROM run_metrics WHERE run_id = $runId',
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  const steps = last?.step ?? 0;
  if (steps === 0) return { steps: 0, points: [] };
  const count = Math.min(points, steps);
  const found = await sequelize.query<MetricPoint>(
    `SELECT point.* FROM generate_series(0, $count::int - 1) AS n, LATERAL (
       SELECT max(step) AS step, max(epoch) AS epoch, avg(loss) AS loss,
         (SELECT avg(eval_loss) FROM run_metrics WHERE run_id = $runId AND eval_loss IS NOT NULL
            AND step > n * $steps::bigint / $count AND step <= (n + 1) * $steps::bigint / $count) AS eval_loss,
         avg(learning_rate) AS learning_rate, avg(grad_norm) AS grad_norm, max(tokens) AS tokens, avg(tokens_per_s) AS tokens_per_s,
         max(memory_bytes) AS memory_bytes, (array_agg(device ORDER BY step DESC) FILTER (WHERE device IS NOT NULL))[1] AS device
       FROM (SELECT * FROM run_metrics WHERE run_id = $runId
               AND step > n * $steps::bigint / $count AND step <= (n + 1) * $steps::bigint / $count
             ORDER BY step DESC LIMIT ${STEPS_OF_A_POINT}) AS steps) AS point
     WHERE point.step IS NOT NULL ORDER BY point.step`,
    { bind: { runId, count, steps }, type: QueryTypes.SELECT },
  );
  return { steps, points: found };
}
