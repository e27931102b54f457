import { QueryTypes } from 'sequelize';
import { isDrained } from '../pool/drained.ts';
import { IN_LINE, orderOf, WAITS } from './order.ts';
import { connection } from './run.ts';

/** The line of the runs that wait to be trained, in the order of order.ts. A run that waits is a row. */

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
const SLOTS = `SELECT count(*)::int AS n FROM workers 
  WHERE desired = 'running' AND lost_at IS NULL AND start_after IS NULL AND NOT ${isDrained('workers')}`;
const UNDER_WAY = `SELECT id, lease_epoch, priority, turn, waiting_for FROM runs
  WHERE admitted_at IS NOT NULL AND status IN ('pending', 'queued', 'running') AND pause_reason IS NULL AND NOT barred`;

/**
 * Lets the next runs begin, in their order, as many as workers can have and as many again. One that goes before those that
 * are prepared begins beside them. Their workflows are to be started then. Several may call it at once.
 */
export async function admitNext(): Promise<void> {
  await connection().query(
    // ARRAY: nobody knows beforehand how many these are, and for a tenth of a long line the planner would read the whole table.
    `WITH under_way AS MATERIALIZED (${UNDER_WAY}), places AS MATERIALIZED (
       SELECT slots.n + greatest(${PREPARED_AHEAD}, slots.n)
         - greatest(0, (SELECT count(*) FROM under_way WHERE waiting_for IS NOT NULL) - ${MOST_IN_TROUBLE}) AS n FROM (${SLOTS}) AS slots
     ), next AS MATERIALIZED (
       SELECT id, lease_epoch, priority, turn FROM runs
       WHERE status = 'pending' AND admitted_at IS NULL AND pause_reason IS NULL AND NOT barred
       ORDER BY ${orderOf('runs')} LIMIT greatest(0, (SELECT n FROM places)) FOR UPDATE SKIP LOCKED
     ), placed AS (
       SELECT id, row_number() OVER (ORDER BY ${orderOf('next')}) + (SELECT count(*) FROM under_way
         WHERE waiting_for IS NULL AND (${orderOf('under_way')}) < (${orderOf('next')})) AS place FROM next
     )
     UPDATE runs SET admitted_at = now() WHERE id = ANY (ARRAY(SELECT id FROM placed WHERE place <= (SELECT n FROM places)))`,
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
 * and where there is none, one. So at most one is in Temporal's queue, which promises no order. A turn that no worker has
 * claimed is taken back where another run goes before by now. While a worker that takes none listens still, none is in that queue for it.
 */
export async function releaseNext(waiters: Waiter[]): Promise<void> {
  const isUnclaimed = (run: string) =>
    `${run}.status = 'queued' AND ${run}.phase = 'waiting_for_worker' AND ${run}.lease_epoch = 0
      AND ${run}.pause_reason IS NULL AND NOT ${run}.barred`;
  await connection().query(
    `WITH ready AS MATERIALIZED (
       SELECT id, lease_epoch, priority, turn, released_at IS NOT NULL AS has_turn FROM runs AS next
       WHERE ${isUnclaimed('next')} AND CASE WHEN next.released_at IS NOT NULL THEN next.waiting_for IS NULL ELSE
         (next.id = ANY($ids::int[]) OR next.recalled_at IS NOT NULL) AND (next.id = ANY($impatient::int[]) OR NOT EXISTS (
           SELECT 1 FROM runs AS earlier WHERE (${orderOf('earlier')}) < (${orderOf('next')}) AND earlier.admitted_at IS NOT NULL
             AND earlier.pause_reason IS NULL AND NOT earlier.barred AND earlier.waiting_for IS NULL
             AND (earlier.status = 'pending'
               -- It is about to wait here: its row says so a moment before.
               OR earlier.status = 'queued' AND earlier.phase = 'waiting_for_worker' AND earlier.released_at IS NULL
                 AND earlier.recalled_at IS NULL AND earlier.lease_epoch = 0 AND NOT earlier.id = ANY($ids::int[])))) END
     ), turns AS (
       SELECT id, has_turn, row_number() OVER (ORDER BY ${orderOf('ready')}) <= (SELECT greatest(count(*) FILTER (WHERE NOT ${isDrained('workers')} AND status = 'idle'),
           CASE WHEN count(*) FILTER (WHERE ${isDrained('workers')} AND pid IS NOT NULL AND status <> 'busy') > 0 THEN 0 ELSE 1 END)
         FROM workers WHERE desired = 'running' AND lost_at IS NULL) AS gets_turn FROM ready
     )
     UPDATE runs SET released_at = CASE WHEN gets_turn THEN now() END, recalled_at = CASE WHEN gets_turn THEN NULL ELSE now() END
     FROM turns WHERE runs.id = turns.id AND gets_turn <> has_turn AND (runs.released_at IS NOT NULL) = has_turn
       -- One that was claimed, paused or barred meanwhile is left as it is.
       AND ${isUnclaimed('runs')}`,
    {
      bind: {
        ids: waiters.map(({ runId }) => runId),
        impatient: waiters.filter(({ waitedMs }) => waitedMs > PATIENCE_MS).map(({ runId }) => runId),
      },
      type: QueryTypes.UPDATE,
    },
  );
}

/** The place of a run in the line, from 1, and how many of those before it have a higher priority. */
export interface Place {
  place: number;
  ofHigherPriority: number;
}

/** The places of those of these runs that are in the line. */
export async function placesInLine(runIds: number[]): Promise<Map<number, Place>> {
  if (runIds.length === 0) return new Map();
  // The runs of one page lie close to each other: what is before all of them is counted once.
  const rows = await connection().query<Place & { id: number }>(
    `WITH asked AS MATERIALIZED (SELECT id, lease_epoch, priority, turn FROM runs WHERE id = ANY($ids::int[]) AND ${IN_LINE}),
       first AS (SELECT * FROM asked ORDER BY ${orderOf('asked')} LIMIT 1),
       last AS (SELECT * FROM asked ORDER BY (lease_epoch = 0) DESC, priority DESC, turn DESC, id DESC LIMIT 1),
       before AS (SELECT priority, count(*)::int AS n FROM runs
         WHERE ${IN_LINE} AND (${orderOf('runs')}) < (SELECT ${orderOf('first')} FROM first) GROUP BY priority)
     SELECT id, (place + (SELECT coalesce(sum(n), 0) FROM before))::int AS place,
       (of_higher + (SELECT coalesce(sum(n), 0) FROM before WHERE before.priority < line.priority))::int AS "ofHigherPriority"
     FROM (SELECT id, priority, row_number() OVER (ORDER BY ${orderOf('runs')}) AS place,
             count(*) OVER (ORDER BY priority GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS of_higher
           FROM runs WHERE ${IN_LINE} AND (${orderOf('runs')}) >= (SELECT ${orderOf('first')} FROM first)
             AND (${orderOf('runs')}) <= (SELECT ${orderOf('last')} FROM last)) AS line
     WHERE id IN (SELECT id FROM asked)`,
    { bind: { ids: runIds }, type: QueryTypes.SELECT },
  );
  return new Map(rows.map(({ id, ...place }) => [id, place]));
}

/** How many runs the workers that there are could train at a time. */
export async function workerPlaces(): Promise<number> {
  const [found] = await connection().query<{ n: number }>(SLOTS, { type: QueryTypes.SELECT });
  return found?.n ?? 0;
}

/** A page of the runs that wait to be trained, in their order, also of those that are held or wait for something; and how many there are; with `runId` that run alone. */
export async function waitingPage(
  limit: number,
  offset: number,
  runId: number | null = null,
): Promise<{ ids: number[]; total: number }> {
  const which = `${WAITS} AND ($runId::int IS NULL OR id = $runId)`;
  const [rows, [count]] = await Promise.all([
    connection().query<{ id: number }>(
      `SELECT id FROM runs WHERE ${which} ORDER BY ${orderOf('runs')} LIMIT $limit OFFSET $offset`,
      { bind: { limit, offset, runId }, type: QueryTypes.SELECT },
    ),
    connection().query<{ n: number }>(`SELECT count(*)::int AS n FROM runs WHERE ${which}`, {
      bind: { runId },
      type: QueryTypes.SELECT,
    }),
  ]);
  return { ids: rows.map(({ id }) => id), total: count?.n ?? 0 };
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
