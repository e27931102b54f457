import { QueryTypes } from 'sequelize';
import { connection } from './run.ts';

/** The line of the runs that wait to be trained: whoever was asked for first is trained first. A run that waits is a row. */

/**
 * Beside those that have a worker, as many are prepared as there are workers, so that one that becomes free does not wait for
 * data, also where all of them become free while a run is prepared; and so many at least.
 */
const PREPARED_AHEAD = 2;
/** Runs that cannot go on just now keep no others waiting, up to so many: what keeps them may keep all. */
const MOST_IN_TROUBLE = 20;
/** So long a run that is ready waits for an earlier one that is still being prepared. */
export const PATIENCE_MS = 30_000;

/** A worker that trains, or could. */
const SLOTS = `SELECT count(*)::int AS n FROM workers WHERE desired = 'running' AND lost_at IS NULL AND start_after IS NULL`;
const UNDER_WAY = `SELECT (count(*) FILTER (WHERE waiting_for IS NULL))::int AS well, (count(*) FILTER (WHERE waiting_for IS NOT NULL))::int AS in_trouble
  FROM runs WHERE admitted_at IS NOT NULL AND status IN ('pending', 'queued', 'running') AND pause_reason IS NULL`;

/**
 * Lets the next runs begin, in the order in which they were asked for, as many as workers can have and as many again.
 * Their workflows are to be started then. Several may call it at once.
 */
export async function admitNext(): Promise<void> {
  await connection().query(
    // ARRAY: nobody knows beforehand how many these are, and for a tenth of a long line the planner would read the whole table.
    `UPDATE runs SET admitted_at = now() WHERE id = ANY (ARRAY(
       SELECT id FROM runs WHERE status = 'pending' AND admitted_at IS NULL AND pause_reason IS NULL ORDER BY id
       LIMIT greatest(0, (SELECT slots.n + greatest(${PREPARED_AHEAD}, slots.n) - well - greatest(0, in_trouble - ${MOST_IN_TROUBLE})
                          FROM (${SLOTS}) AS slots, (${UNDER_WAY}) AS under_way))
       FOR UPDATE SKIP LOCKED))`,
    { type: QueryTypes.UPDATE },
  );
}

/** A run that is ready to be trained, and for how long it has waited for its turn. */
export interface Waiter {
  runId: number;
  waitedMs: number;
}

/**
 * Gives those of the waiting runs their turn for which a worker is free, or will be next: as many as there are idle workers,
 * and where there is none, one. So at most one is in Temporal's queue, which promises no order.
 */
export async function releaseNext(waiters: Waiter[]): Promise<void> {
  await connection().query(
    `UPDATE runs SET released_at = now() WHERE id IN (
       SELECT id FROM runs AS next
       WHERE id = ANY($ids::int[]) AND status = 'queued' AND phase = 'waiting_for_worker' AND pause_reason IS NULL AND released_at IS NULL
         AND (id = ANY($impatient::int[]) OR NOT EXISTS (
           SELECT 1 FROM runs AS earlier WHERE earlier.id < next.id AND earlier.admitted_at IS NOT NULL
             AND earlier.pause_reason IS NULL AND earlier.waiting_for IS NULL
             AND (earlier.status = 'pending'
               -- It is about to wait here: its row says so a moment before.
               OR earlier.status = 'queued' AND earlier.phase = 'waiting_for_worker' AND earlier.released_at IS NULL
                 AND earlier.lease_epoch = 0 AND NOT earlier.id = ANY($ids::int[]))))
       ORDER BY id
       LIMIT greatest(0, (SELECT greatest(1, idle.n) - released.n FROM
         (SELECT count(*)::int AS n FROM workers WHERE desired = 'running' AND lost_at IS NULL AND status = 'idle') AS idle,
         (SELECT count(*)::int AS n FROM runs WHERE released_at IS NOT NULL AND status = 'queued' AND phase = 'waiting_for_worker'
            AND waiting_for IS NULL) AS released)))`,
    {
      bind: {
        ids: waiters.map(({ runId }) => runId),
        impatient: waiters.filter(({ waitedMs }) => waitedMs > PATIENCE_MS).map(({ runId }) => runId),
      },
      type: QueryTypes.UPDATE,
    },
  );
}

/** Runs that wait to be trained, as SQL. */
export const IN_LINE = `status IN ('pending', 'queued') AND result IS NULL AND pause_reason IS NULL`;

/** The places in the line, from 1, of those of these runs that are in it. */
export async function placesInLine(runIds: number[]): Promise<Map<number, number>> {
  if (runIds.length === 0) return new Map();
  // The runs of one page lie close to each other: what is before all of them is counted once.
  const rows = await connection().query<{ id: number; place: number }>(
    `WITH asked AS (SELECT id FROM runs WHERE id = ANY($ids::int[]) AND ${IN_LINE}),
       first AS (SELECT count(*)::int AS n FROM runs WHERE ${IN_LINE} AND id < (SELECT min(id) FROM asked))
     SELECT id, place FROM (
       SELECT id, (first.n + row_number() OVER (ORDER BY id))::int AS place FROM runs, first
       WHERE ${IN_LINE} AND id BETWEEN (SELECT min(id) FROM asked) AND (SELECT max(id) FROM asked)) AS line
     WHERE id IN (SELECT id FROM asked)`,
    { bind: { ids: runIds }, type: QueryTypes.SELECT },
  );
  return new Map(rows.map(({ id, place }) => [id, place]));
}

/** How many runs wait for a worker: to be trained, or trained and to be validated. */
export async function waitingRuns(): Promise<number> {
  const [found] = await connection().query<{ n: number }>(
    `SELECT (SELECT count(*) FROM runs WHERE ${IN_LINE})::int
          + (SELECT count(*) FROM runs WHERE status = 'queued' AND result IS NOT NULL AND pause_reason IS NULL)::int AS n`,
    { type: QueryTypes.SELECT },
  );
  return found?.n ?? 0;
}
