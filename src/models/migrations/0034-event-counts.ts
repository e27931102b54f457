/** What has happened to all runs so far, counted for Prometheus, whose counters must not go back when runs or events are deleted. */
export const name = '0034-event-counts';

export const sql = `
CREATE TABLE event_counts (
  name   text NOT NULL,
  labels jsonb NOT NULL,
  value  double precision NOT NULL,
  PRIMARY KEY (name, labels)
);
-- One row: up to which event all are counted, in the order of the streams of runs (see 0002-run-streams). Of a database that was
-- restored, old events may have higher transactions than new ones: none up to floor_seq is counted.
CREATE TABLE event_counts_place (
  is_only   boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  -- Not in backups, since another server counts its transactions anew: a restore gives its own to this row and to all events.
  xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq       bigint NOT NULL,
  floor_seq bigint NOT NULL
);
-- Counting begins now: what happened before would look like a burst.
INSERT INTO event_counts_place (xid, seq, floor_seq)
SELECT pg_current_xact_id(), 0, coalesce(max(seq), 0) FROM run_events;
CREATE INDEX run_events_counted ON run_events (xid, seq)
  WHERE kind IN ('batch_split', 'checkpoint', 'quarantined', 'reconciled', 'refused_write', 'status', 'trainer_crashed');

-- How often the holder of each lease has prolonged it.
ALTER TABLE runs ADD COLUMN lease_renewals integer NOT NULL DEFAULT 0;
-- Rows of workers stay when they end: the few that are there now are found without them.
CREATE INDEX workers_present ON workers (id) WHERE desired = 'running' OR pid IS NOT NULL;
`;
