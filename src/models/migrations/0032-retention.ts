/** What is kept and for how long, what people pinned, and what was removed by which rule. */
export const name = '0032-retention';

export const sql = `
ALTER TABLE training_config ADD COLUMN retention jsonb NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN pinned boolean NOT NULL DEFAULT false;
ALTER TABLE checkpoints ADD COLUMN removed_because text;
-- Runs whose checkpoints may still be there, page by page, the oldest first.
DROP INDEX runs_to_tidy;
CREATE INDEX runs_with_work ON runs (status, finished_at, id) WHERE tidied_at IS NULL;
CREATE INDEX exports_with_files ON exports (id) WHERE status = 'completed' AND format <> 'hub';
CREATE TABLE storage_removals (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  thing text NOT NULL,
  name text NOT NULL,
  run_id integer,
  bytes bigint,
  why text NOT NULL,
  asked_by text NOT NULL,
  keep_days double precision NOT NULL,
  claimed_until timestamptz,
  kept_because text,
  decided_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX storage_removals_open ON storage_removals (kind, thing) WHERE finished_at IS NULL;
CREATE TABLE storage_figures (
  kind text PRIMARY KEY,
  figures jsonb NOT NULL,
  measured_at timestamptz NOT NULL
);
`;
