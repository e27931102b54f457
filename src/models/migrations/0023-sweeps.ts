/** Runs of one job with other settings each, of which the best is found. */
export const name = '0023-sweeps';

export const sql = `
CREATE TABLE sweeps (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name varchar(255) NOT NULL,
  description text,
  status varchar(16) NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'completed', 'failed', 'cancelled')),
  -- As it was asked for.
  spec jsonb NOT NULL,
  duplicates_dropped integer NOT NULL,
  -- What was decided at each rung, in their order.
  rungs jsonb NOT NULL DEFAULT '[]',
  winner jsonb,
  error_message text,
  workflow_started_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CHECK ((winner IS NOT NULL) = (status = 'completed')),
  CHECK ((finished_at IS NULL) = (status IN ('running', 'paused')))
);
-- The look for those that need a workflow comes twice a second.
CREATE INDEX sweeps_open ON sweeps (id) WHERE status IN ('running', 'paused');
ALTER TABLE jobs
  ADD COLUMN sweep_id integer REFERENCES sweeps ON DELETE SET NULL,
  ADD COLUMN sweep_settings jsonb;
CREATE INDEX jobs_of_sweep ON jobs (sweep_id, id) WHERE sweep_id IS NOT NULL;
-- After which step a run is held, to be compared with others.
ALTER TABLE runs ADD COLUMN hold_step integer CHECK (hold_step > 0);
`;
