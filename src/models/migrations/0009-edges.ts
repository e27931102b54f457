/** A queue that keeps its order, why a run does not go on, and figures that are found without reading all of them. */
export const name = '0009-edges';

export const sql = `
ALTER TABLE runs
  -- When the queue let the run begin: its workflow prepares it. Before, it is a row and nothing else.
  ADD COLUMN admitted_at timestamptz,
  -- When it was given its turn for a worker that is free, or will be next; null again once a worker has it.
  ADD COLUMN released_at timestamptz,
  -- Why what is tried again and again does not succeed, since when, and how often; null while all is well.
  ADD COLUMN waiting_for text,
  ADD COLUMN waiting_since timestamptz,
  ADD COLUMN waiting_attempts integer NOT NULL DEFAULT 0,
  -- Where its model is being published: from then on it cannot be cancelled.
  ADD COLUMN publish_path text,
  -- What its files took on the disk was given back; what it published stays.
  ADD COLUMN tidied_at timestamptz;
UPDATE runs SET admitted_at = workflow_started_at;

DROP INDEX runs_to_dispatch;
CREATE INDEX runs_to_admit ON runs (id) WHERE admitted_at IS NULL AND status = 'pending';
CREATE INDEX runs_to_start ON runs (id) WHERE admitted_at IS NOT NULL AND workflow_started_at IS NULL AND workflow_closed_at IS NULL;
-- The line: all that wait to be trained, in the order in which they were asked for.
CREATE INDEX runs_in_line ON runs (id) WHERE status IN ('pending', 'queued') AND result IS NULL AND pause_reason IS NULL;
CREATE INDEX runs_to_cancel ON runs (id) WHERE status = 'cancelled' AND admitted_at IS NOT NULL AND workflow_closed_at IS NULL;
CREATE INDEX runs_under_way ON runs (id) WHERE admitted_at IS NOT NULL AND status IN ('pending', 'queued', 'running');
CREATE INDEX runs_to_tidy ON runs (finished_at) WHERE status = 'completed' AND tidied_at IS NULL;
-- A run that is deleted is nobody's latest any more: for each, all jobs and projects were read.
CREATE INDEX jobs_latest_run ON jobs (latest_run_id);
CREATE INDEX projects_latest_run ON projects (latest_run_id);

-- Runs that were deleted, and of which files, events and figures are still to be removed: these may be millions of rows, more
-- than one statement should remove.
CREATE TABLE deleted_runs (
  id          integer PRIMARY KEY,
  workflow_id text NOT NULL,
  spec        jsonb NOT NULL,
  deleted_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE run_metrics DROP CONSTRAINT run_metrics_run_id_fkey;
ALTER TABLE run_events DROP CONSTRAINT run_events_run_id_fkey;

-- Held-out losses are few among many steps, and each is shown.
CREATE INDEX run_metrics_evals ON run_metrics (run_id, step) WHERE eval_loss IS NOT NULL;
`;
