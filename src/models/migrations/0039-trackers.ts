/** What runs tell experiment trackers, and how far each tracker has it. */
export const name = '0039-trackers';

export const sql = `
ALTER TABLE jobs ADD COLUMN trackers jsonb NOT NULL DEFAULT '[]';
ALTER TABLE projects ADD COLUMN trackers jsonb NOT NULL DEFAULT '[]';
CREATE TABLE tracker_deliveries (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  tracker varchar(16) NOT NULL CHECK (tracker IN ('mlflow', 'wandb', 'trackio')),
  -- What the tracker knows the run by: ids of runs are the same in every database.
  token uuid NOT NULL DEFAULT gen_random_uuid(),
  status varchar(16) NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'delivered')),
  -- Up to where the tracker has said that it has them: the step, and the event of a held-out loss.
  step integer NOT NULL DEFAULT 0,
  eval_seq bigint NOT NULL DEFAULT 0,
  external_id text,
  address text,
  waiting_for text,
  waiting_attempts integer NOT NULL DEFAULT 0,
  next_try_at timestamptz,
  workflow_started_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  UNIQUE (run_id, tracker)
);
-- The look for those that have something to deliver comes twice a second.
CREATE INDEX tracker_deliveries_open ON tracker_deliveries (run_id) WHERE status = 'open';
`;
