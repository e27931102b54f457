/** The order in which runs are trained is the users': priorities, turns between owners, times and runs to wait for. */
export const name = '0031-queue';

export const sql = `
ALTER TABLE runs
  ADD COLUMN priority smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 3),
  ADD COLUMN turn integer NOT NULL DEFAULT 0,
  ADD COLUMN turn_of text,
  ADD COLUMN not_before timestamptz,
  ADD COLUMN after_job_id integer,
  ADD COLUMN after_project_id integer,
  ADD COLUMN barred boolean NOT NULL DEFAULT false,
  ADD COLUMN recalled_at timestamptz,
  ADD CHECK (after_job_id IS NULL OR after_project_id IS NULL);
DROP INDEX runs_to_admit;
DROP INDEX runs_in_line;
CREATE INDEX runs_to_admit ON runs ((lease_epoch = 0), priority, turn, id)
  WHERE admitted_at IS NULL AND status = 'pending' AND pause_reason IS NULL AND NOT barred;
-- With lease_epoch, places are counted in the index alone.
CREATE INDEX runs_in_line ON runs ((lease_epoch = 0), priority, turn, id) INCLUDE (lease_epoch)
  WHERE status IN ('pending', 'queued') AND result IS NULL AND pause_reason IS NULL AND NOT barred;
CREATE INDEX runs_that_wait ON runs ((lease_epoch = 0), priority, turn, id) INCLUDE (lease_epoch) WHERE status IN ('pending', 'queued') AND result IS NULL;
CREATE INDEX runs_last_turn ON runs (priority, turn) WHERE admitted_at IS NOT NULL;
CREATE INDEX runs_turns_of ON runs (turn_of, priority, turn) WHERE turn_of IS NOT NULL AND status IN ('pending', 'queued') AND admitted_at IS NULL;
CREATE INDEX runs_barred ON runs (coalesce(not_before, '-infinity')) WHERE barred;
`;
