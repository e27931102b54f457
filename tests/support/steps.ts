import type pg from 'pg';

/** In one transaction each, as a worker's are of many. */
const STEPS_AT_ONCE = 250_000;
/** Held-out losses over a whole run. */
export const EVALS = 100;

/** Writes steps `from` to `to` of a run of `total` as a trainer on a GPU tells them, with the figures of its device. */
export async function addSteps(
  database: pg.Client,
  runId: number,
  { from = 1, to, total = to }: { from?: number; to: number; total?: number },
): Promise<void> {
  for (let first = from; first <= to; first += STEPS_AT_ONCE) {
    await database.query(
      `INSERT INTO run_metrics (run_id, step, lease_epoch, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, device)
       SELECT $1::int, step, 1, step::float8 / $2, 3 * exp(-step::float8 / $2) + random() / 10,
         CASE WHEN step % greatest(1, $2::int / ${EVALS}) = 0 THEN 3 * exp(-step::float8 / $2) END,
         0.0002 * (1 - step::float8 / $2), random(), step::bigint * 4096, 20000 + random() * 100, 17179869184,
         CASE WHEN step % 10 = 0 THEN jsonb_build_object('utilization_percent', 97, 'memory_used_bytes', 17179869184, 'temperature_c', 61) END
       FROM generate_series($3::int, $4::int) AS step`,
      [runId, total, first, Math.min(to, first + STEPS_AT_ONCE - 1)],
    );
  }
}
