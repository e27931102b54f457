/** Steps and events of runs that ended long ago are thinned: which runs were, how far, and what the steps that are left stand for. */
export const name = '0045-thinned-runs';

export const sql = `
ALTER TABLE runs
  ADD COLUMN steps_thinned_at timestamptz,
  ADD COLUMN thinned_until_step integer,
  ADD COLUMN thinned_steps_per_bucket integer,
  ADD COLUMN events_thinned_at timestamptz;
-- Of the last step of each bucket: how many others there were, and of each figure the count and the sum.
ALTER TABLE run_metrics ADD COLUMN removed jsonb;
-- Page by page, the oldest first.
CREATE INDEX runs_with_steps ON runs (finished_at, id) WHERE steps_thinned_at IS NULL AND finished_at IS NOT NULL AND current_step > 4096;
CREATE INDEX runs_with_events ON runs (finished_at, id) 
  WHERE events_thinned_at IS NULL AND finished_at IS NOT NULL AND started_at IS NOT NULL;
CREATE INDEX run_events_progress ON run_events (run_id, kind) WHERE kind IN ('log', 'phase', 'spans');
`;
