import { QueryTypes } from 'sequelize';
import { connection } from '../runs/run.ts';

export type PoolAction = 'start' | 'stop' | 'restart';

/** A command that the pool is at: how many of the workers that it is about are as it wants them. */
export interface PoolProgress {
  action: PoolAction;
  done: number;
  total: number;
}

/** On several hosts, the workers of one start get their rows one host after another. */
const ONE_START_MS = 5_000;
/**
 * A restart that replaces no worker for so long was broken off: by a stop, or since a new worker did not start. In the
 * moment between two workers there is none that ends or starts.
 */
const RESTART_GAP_MS = 20_000;

/**
 * What the pool is at, from what is wanted of its workers and what they are; null when they are as they are wanted. Of
 * several commands the last. Each part finds its workers by an index: rows of those that ended stay. Workers of hosts that are away count for nothing, as everywhere (see lost-workers.ts).
 */
export async function poolProgress(): Promise<PoolProgress | null> {
  const [progress] = await connection().query<PoolProgress>(
    `WITH present AS NOT MATERIALIZED (SELECT * FROM workers WHERE lost_at IS NULL),
     starting AS (
       SELECT min(asked_at) - interval '${ONE_START_MS} milliseconds' AS since FROM present
       WHERE asked = 'start' AND desired = 'running' AND status = 'starting' AND start_after IS NULL
     ), stopping AS (
       SELECT min(asked_at) AS since FROM present WHERE asked = 'stop' AND pid IS NOT NULL
     ), restarting AS (
       SELECT max(asked_at) AS since FROM present WHERE asked = 'restart'
     ), restarted AS (
       SELECT old.asked_at, old.desired = 'stopped' AS is_begun,
         old.desired = 'stopped' AND old.pid IS NULL AND new.status IS DISTINCT FROM 'starting' AS is_done,
         new.started_at AS began_at
       FROM present AS old JOIN restarting ON old.asked = 'restart' AND old.asked_at = since
       LEFT JOIN present AS new ON new.replaces = old.id AND new.desired = 'running'
     )
     SELECT action, done::int, total::int FROM (
       SELECT 'start' AS action, max(asked_at) AS asked_at, count(*) FILTER (WHERE status <> 'starting') AS done, count(*) AS total
       FROM present JOIN starting ON asked_at >= since WHERE asked = 'start' AND desired = 'running'
       UNION ALL
       SELECT 'stop', max(asked_at), count(*) FILTER (WHERE pid IS NULL), count(*)
       FROM present JOIN stopping ON asked_at >= since WHERE asked = 'stop'
       UNION ALL
       SELECT 'restart', max(asked_at), count(*) FILTER (WHERE is_done), count(*)
       FROM restarted
       HAVING bool_or(is_begun AND NOT is_done)
         OR greatest(max(asked_at), max(began_at)) > now() - interval '${RESTART_GAP_MS} milliseconds'
     ) AS commands WHERE done < total ORDER BY asked_at DESC LIMIT 1`,
    { type: QueryTypes.SELECT },
  );
  return progress ?? null;
}
