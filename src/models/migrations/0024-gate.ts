/** What must hold for a model of a project to be promoted, what was found, and which version has been its latest when. */
export const name = '0024-gate';

export const sql = `
ALTER TABLE projects ADD COLUMN gate jsonb;
ALTER TABLE runs ADD COLUMN gate jsonb, ADD COLUMN held_out jsonb;
CREATE TABLE promotions (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
  run_id integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  how text NOT NULL CHECK (how IN ('completed', 'passed', 'promoted', 'rolled_back')),
  reason text,
  -- What a roll back makes the latest again.
  returns_to_id integer REFERENCES promotions ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When the link latest was set to it.
  linked_at timestamptz
);
CREATE INDEX ON promotions (project_id, id);
CREATE INDEX ON promotions (run_id);
CREATE INDEX ON promotions (returns_to_id);
CREATE INDEX ON promotions (id) WHERE linked_at IS NULL;
-- Until now each completed run was the latest, and linked as it was published.
INSERT INTO promotions (project_id, run_id, how, created_at, linked_at)
SELECT project_id, id, 'completed', coalesce(finished_at, updated_at), coalesce(finished_at, updated_at)
FROM runs WHERE project_id IS NOT NULL AND status = 'completed' ORDER BY project_id, number;
UPDATE promotions SET returns_to_id = earlier.id
FROM (SELECT id AS of_id, lag(id) OVER (PARTITION BY project_id ORDER BY id) AS id FROM promotions) AS earlier
WHERE promotions.id = earlier.of_id;
`;
