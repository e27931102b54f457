import { QueryTypes } from 'sequelize';
import { connection } from './run.ts';
import type { ThinnedRows } from './thin-steps.ts';

/** No transaction takes long, however much a run told. */
const ROWS_AT_ONCE = 20_000;

/** As the predicate of the index run_events_progress has it. */
const MAY_BE_PROGRESS = "kind IN ('log', 'phase', 'spans')";

/**
 * What told how far a run is, as SQL: where the time of a start went, what its trainer said without a warning, and how far it was within
 * a phase. That it was reached stays, as all that says what happened and who asked for it.
 */
const PROGRESS = `told.run_id = $runId AND ${MAY_BE_PROGRESS} AND (kind <> 'phase' OR data ? 'message' AND seq NOT IN (SELECT seq FROM reached))`;
const REACHED = `WITH reached AS MATERIALIZED (SELECT min(seq) AS seq FROM run_events
  WHERE run_id = $runId AND kind = 'phase' GROUP BY data->>'phase', data->>'lease_epoch')`;

/** What `thinEvents` would remove: nothing is. */
export async function planThinEvents(runId: number): Promise<ThinnedRows> {
  const [found] = await connection().query<ThinnedRows>(
    `${REACHED} SELECT count(*)::int AS rows, coalesce(sum(pg_column_size(told.*)), 0)::int8 AS bytes FROM run_events AS told WHERE ${PROGRESS}`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  return found ?? { rows: 0, bytes: 0 };
}

/** Removes from the events of a run that has ended those that only told how far it was, some at a time. May be done again. */
export async function thinEvents(runId: number): Promise<ThinnedRows> {
  const all = { rows: 0, bytes: 0 };
  for (;;) {
    const [gone] = await connection().query<ThinnedRows & { seen: number }>(
      `${REACHED},
         going AS MATERIALIZED (SELECT seq, pg_column_size(told.*) AS bytes FROM run_events AS told WHERE ${PROGRESS} LIMIT ${ROWS_AT_ONCE}),
         gone AS (DELETE FROM run_events AS event USING going WHERE event.seq = going.seq RETURNING going.bytes)
       SELECT count(*)::int AS rows, coalesce(sum(bytes), 0)::int8 AS bytes, (SELECT count(*)::int FROM going) AS seen FROM gone`,
      { bind: { runId }, type: QueryTypes.SELECT },
    );
    all.rows += gone?.rows ?? 0;
    all.bytes += gone?.bytes ?? 0;
    // Whoever does it at the same time may be killed before the next ones.
    if ((gone?.seen ?? 0) < ROWS_AT_ONCE) return all;
  }
}
