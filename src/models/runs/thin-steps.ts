import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from './run.ts';

/**
 * The curve of a run that ended long ago needs no row for each step. Of each bucket of 2^n steps stay the last one and those with the
 * extremes of each figure, the first that has them (as M4 does: Jugel et al., VLDB 2014, which keeps every pixel of a line chart); the
 * last one keeps how many others there were, and the sums of their figures, so that means stay what they were.
 */

/** A run with no more steps keeps each. */
export const KEPT_WHOLE = 4_096;
const MOST_BUCKETS = 256;
/** No transaction takes long: so many steps at once, or one bucket. A power of two, so that no bucket is in two. */
const STEPS_AT_ONCE = 2 ** 14;

/** Figures of which a curve shows means. */
export const MEANS = [
  'loss',
  'learning_rate',
  'grad_norm',
  'tokens_per_s',
  'reward_margin',
  'reward_accuracy',
] as const;

const extreme = (figure: string, order: '' | ' DESC') =>
  `(array_agg(step ORDER BY ${figure}${order}, step) FILTER (WHERE ${figure} IS NOT NULL))[1]`;
const EXTREMES = [
  ...MEANS.flatMap((figure) => [extreme(figure, ''), extreme(figure, ' DESC')]),
  extreme('memory_bytes', ' DESC'),
].join(', ');

/** Of what goes in a bucket, and of what its last row already stands for: it may be thinned again, in buckets twice as large. */
const SUMS = MEANS.map(
  (figure) => `'${figure}', jsonb_build_array(
      count(${figure}) FILTER (WHERE goes) + coalesce(sum((removed->'${figure}'->>0)::int8), 0),
      coalesce(sum(${figure}) FILTER (WHERE goes), 0) + coalesce(sum((removed->'${figure}'->>1)::float8), 0))`,
).join(', ');

/** Each step from one to another, whether it goes, and whether it is the one that stands for those that do. */
const MARKED = `own AS MATERIALIZED (
    SELECT step, (step - 1) >> $doublings AS bucket, ${MEANS.join(', ')}, memory_bytes, eval_loss, removed, pg_column_size(done.*) AS bytes
    FROM run_metrics AS done WHERE run_id = $runId AND step BETWEEN $from AND $to),
  kept AS MATERIALIZED (
    SELECT step FROM (SELECT unnest(ARRAY[max(step), ${EXTREMES}]) AS step FROM own GROUP BY bucket) AS extreme WHERE step IS NOT NULL
    UNION SELECT unnest($always::int[])),
  marked AS MATERIALIZED (
    SELECT own.*, step = max(step) OVER (PARTITION BY bucket) AS stands,
      eval_loss IS NULL AND step NOT IN (SELECT step FROM kept) AS goes FROM own)`;

const PLAN = `WITH ${MARKED} SELECT count(*)::int AS rows, coalesce(sum(bytes), 0)::int8 AS bytes FROM marked WHERE goes`;

/** Whoever does it at the same time, or again after a kill, finds nothing to remove, and changes nothing. */
const THIN = `WITH ${MARKED},
  sums AS (
    SELECT max(step) FILTER (WHERE stands) AS step, jsonb_build_object(
      'steps', count(*) FILTER (WHERE goes) + coalesce(sum((removed->>'steps')::int8), 0), ${SUMS}) AS removed
    FROM marked WHERE goes OR stands GROUP BY bucket HAVING bool_or(goes)),
  gone AS (
    DELETE FROM run_metrics AS done USING marked WHERE marked.goes AND done.run_id = $runId
      AND done.step BETWEEN $from AND $to AND done.step = marked.step RETURNING marked.bytes),
  told AS (
    UPDATE run_metrics AS done SET removed = sums.removed FROM sums WHERE done.run_id = $runId
      AND done.step BETWEEN $from AND $to AND done.step = sums.step)
  SELECT count(*)::int AS rows, coalesce(sum(bytes), 0)::int8 AS bytes FROM gone`;

const ofRemoved = (field: string) => `coalesce(sum((removed->${field})::float8), 0)`;
/** The mean of a figure over steps, also over those that the ones that are left stand for, as SQL. */
export const meanOf = (figure: (typeof MEANS)[number]) =>
  `(coalesce(sum(${figure}), 0) + ${ofRemoved(`'${figure}'->>1`)}) / nullif(count(${figure}) + ${ofRemoved(`'${figure}'->>0`)}, 0)`;
/** How many of those had no loss, as SQL. */
export const WITHOUT_LOSS_OF_REMOVED = `coalesce(sum((removed->>'steps')::int8 - (removed->'loss'->>0)::int8), 0)`;

/** Rows of steps, and what they take of the database. */
export interface ThinnedRows {
  rows: number;
  bytes: number;
}

/** How many steps are one bucket of a run, a power of two: as many as before at least. */
export function stepsPerBucket(steps: number, before: number | null): number {
  let size = Math.max(1, before ?? 1);
  while (Math.ceil(steps / size) > MOST_BUCKETS) size *= 2;
  return size;
}

/** What `thinSteps` would remove: nothing is. */
export async function planThinSteps(runId: number): Promise<ThinnedRows> {
  return await inRanges(runId, PLAN);
}

/** Thins the steps of a run that has ended, some at a time. May be done again, after a kill at any point. */
export async function thinSteps(runId: number): Promise<ThinnedRows> {
  return await inRanges(runId, THIN);
}

/** Notes with a run that its curve is thinned, in the transaction of the decision and before a row goes. */
export async function markThinned(runId: number, transaction: Transaction): Promise<void> {
  const { last, before } = await extentOf(runId, transaction);
  await connection().query(
    `UPDATE runs SET steps_thinned_at = now(), thinned_until_step = $last, thinned_steps_per_bucket = $size WHERE id = $runId`,
    { bind: { runId, last, size: stepsPerBucket(last, before) }, transaction },
  );
}

async function inRanges(runId: number, sql: string): Promise<ThinnedRows> {
  const { first, last, before } = await extentOf(runId, null);
  const all = { rows: 0, bytes: 0 };
  if (last < first) return all;
  const always = await edgesOf(runId);
  const size = stepsPerBucket(last, before);
  const atOnce = Math.max(STEPS_AT_ONCE, size);
  for (let from = first - ((first - 1) % atOnce); from <= last; from += atOnce) {
    const bind = { runId, doublings: Math.log2(size), from, to: from + atOnce - 1, always };
    const [done] = await connection().transaction(async (transaction) => {
      // Where PostgreSQL last counted an empty table, as after a restore, it would look through all of it for each row.
      await connection().query('SET LOCAL enable_nestloop = off', { transaction });
      return await connection().query<ThinnedRows>(sql, { bind, type: QueryTypes.SELECT, transaction });
    });
    all.rows += done?.rows ?? 0;
    all.bytes += done?.bytes ?? 0;
  }
  return all;
}

async function extentOf(runId: number, transaction: Transaction | null) {
  const [found] = await connection().query<{ first: number | null; last: number | null; before: number | null }>(
    `SELECT (SELECT min(step) FROM run_metrics WHERE run_id = $runId AND step > 0) AS first,
       (SELECT max(step) FROM run_metrics WHERE run_id = $runId) AS last,
       (SELECT thinned_steps_per_bucket FROM runs WHERE id = $runId) AS before`,
    { bind: { runId }, transaction, type: QueryTypes.SELECT },
  );
  return { first: found?.first ?? 1, last: found?.last ?? 0, before: found?.before ?? null };
}

/**
 * Steps that stay whatever their figures are: where an attempt begins and ends, those that were written first and the next one, by which
 * its time is known (run-curves.ts), those with a checkpoint, and those with a held-out loss, also one that is no number.
 */
async function edgesOf(runId: number): Promise<number[]> {
  const rows = await connection().query<{ step: number }>(
    `WITH attempt AS MATERIALIZED (
       SELECT lease_epoch, min(step) AS first, max(step) AS last, min(created_at) AS began_at FROM run_metrics WHERE run_id = $runId GROUP BY lease_epoch)
     SELECT first AS step FROM attempt UNION SELECT last FROM attempt
     UNION SELECT unnest(ARRAY[second.step - 1, second.step]) FROM attempt, LATERAL (
       SELECT step FROM run_metrics AS done WHERE run_id = $runId AND step > first AND step <= last AND created_at > began_at
       ORDER BY step LIMIT 1) AS second
     UNION SELECT step FROM checkpoints WHERE run_id = $runId AND state = 'complete'
     UNION SELECT (data->>'step')::int FROM run_events WHERE run_id = $runId AND kind = 'eval'`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  return rows.map(({ step }) => step);
}
