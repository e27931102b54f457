/** What streams of a run's events, runs that go on from another's checkpoints, and repeated requests need. */
export const name = '0002-run-streams';

export const sql = `
-- A reader that keeps a place in (xid, seq) misses nothing: a sequence alone is not in the order of commits. Steps and
-- events share the sequence; a step that is done again moves to the end.
ALTER TABLE run_events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE run_metrics
  ADD COLUMN seq bigint NOT NULL DEFAULT nextval(pg_get_serial_sequence('run_events', 'seq')),
  ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
DROP INDEX run_events_run;
CREATE INDEX run_events_stream ON run_events (run_id, xid, seq);
CREATE INDEX run_metrics_stream ON run_metrics (run_id, xid, seq);

-- The run whose mixture and checkpoints this one goes on from.
ALTER TABLE runs ADD COLUMN resumes_run_id integer REFERENCES runs ON DELETE SET NULL;
CREATE INDEX runs_resumes ON runs (resumes_run_id) WHERE resumes_run_id IS NOT NULL;

-- Answers to requests that came with an Idempotency-Key, written in the transaction of what they created.
CREATE TABLE idempotency_keys (
  key            varchar(255) NOT NULL,
  scope          text NOT NULL,
  request_sha256 char(64) NOT NULL,
  answer         jsonb,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
`;
