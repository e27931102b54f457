import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../runs/run.ts';
import type { StreamPlace } from '../runs/run-stream.ts';
import { COUNTED_KINDS, type Count, type CountedEvent, countsOf } from './counted-events.ts';

/** One look counts at most so many, and the next one goes on. */
const EVENTS_AT_ONCE = 2_000;
const BATCHES_AT_ONCE = 10;

/** As the predicate of the index run_events_counted has it. */
const KINDS = COUNTED_KINDS.map((kind) => `'${kind}'`).join(', ');

/**
 * Counts what has happened to runs since it was counted last, each event once: how far it has come is written in the same transaction as
 * the counts. Several may call it at once: one counts. Events of transactions that may still be open are left for later.
 */
export async function countNewEvents(): Promise<void> {
  for (let batch = 0; batch < BATCHES_AT_ONCE; batch += 1) {
    const counted = await connection().transaction(countBatch);
    if (counted < EVENTS_AT_ONCE) return;
  }
}

/** All counts up to now. */
export async function eventCounts(): Promise<Count[]> {
  return await connection().query<Count>('SELECT name, labels, value AS by FROM event_counts', {
    type: QueryTypes.SELECT,
  });
}

/** @returns how many events it counted */
async function countBatch(transaction: Transaction): Promise<number> {
  const place = await takePlace(transaction);
  if (place === null) return 0;
  const events = await connection().query<CountedEvent & StreamPlace>(
    `SELECT event.xid::text AS xid, event.seq, event.kind, event.data,
       run.spec->>'training_type' AS "trainingType", run.error_class AS "errorClass"
     FROM run_events AS event LEFT JOIN runs AS run ON run.id = event.run_id
     WHERE event.kind IN (${KINDS}) AND (event.xid, event.seq) > ($xid::xid8, $seq) AND event.seq > $floorSeq
       AND event.xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY event.xid, event.seq LIMIT ${EVENTS_AT_ONCE}`,
    { bind: { ...place }, type: QueryTypes.SELECT, transaction },
  );
  const last = events.at(-1);
  if (!last) return 0;
  await connection().query(
    `INSERT INTO event_counts (name, labels, value)
     SELECT name, labels, sum(by) FROM jsonb_to_recordset($counts::jsonb) AS counted(name text, labels jsonb, by float8)
     GROUP BY name, labels
     ON CONFLICT (name, labels) DO UPDATE SET value = event_counts.value + EXCLUDED.value`,
    { bind: { counts: JSON.stringify(events.flatMap(countsOf)) }, type: QueryTypes.RAW, transaction },
  );
  await connection().query('UPDATE event_counts_place SET xid = $xid::xid8, seq = $seq', {
    bind: { xid: last.xid, seq: last.seq },
    type: QueryTypes.UPDATE,
    transaction,
  });
  return events.length;
}

interface Place extends StreamPlace {
  /** Nothing up to this is counted, wherever it is in the order. */
  floorSeq: number;
}

/** Where counting goes on, locked; null: somebody else counts. */
async function takePlace(transaction: Transaction): Promise<Place | null> {
  const [place] = await connection().query<Place & { isOfAnotherServer: boolean }>(
    `SELECT xid::text AS xid, seq, floor_seq AS "floorSeq", xid >= pg_snapshot_xmax(pg_current_snapshot()) AS "isOfAnotherServer"
     FROM event_counts_place FOR UPDATE SKIP LOCKED`,
    { type: QueryTypes.SELECT, transaction },
  );
  if (!place?.isOfAnotherServer) return place ?? null;
  // The database was restored on a server that numbers its transactions anew: what is there by now has been counted.
  const [anew] = await connection().query<Place>(
    `UPDATE event_counts_place SET xid = '0', seq = 0, floor_seq = (SELECT coalesce(max(seq), 0) FROM run_events)
     RETURNING xid::text AS xid, seq, floor_seq AS "floorSeq"`,
    { type: QueryTypes.SELECT, transaction },
  );
  return anew ?? null;
}
