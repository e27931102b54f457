/** Sweeps whose runs are projects, of mixtures with other shares. */
export const name = '0028-sweeps-of-projects';

export const sql = `
ALTER TABLE projects
  ADD COLUMN sweep_id integer REFERENCES sweeps ON DELETE SET NULL,
  ADD COLUMN sweep_settings jsonb;
CREATE INDEX projects_of_sweep ON projects (sweep_id, id) WHERE sweep_id IS NOT NULL;
-- What was decided names jobs or projects, and which of them is in the spec.
UPDATE sweeps SET rungs = replace(rungs::text, '"job_id":', '"owner_id":')::jsonb,
  winner = replace(winner::text, '"job_id":', '"owner_id":')::jsonb;
`;
