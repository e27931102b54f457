/** Trainings that begin from what another run made, or from a folder, in place of their base model as it is; projects of two such runs. */
export const name = '0025-descent';

export const sql = `
ALTER TABLE jobs ADD COLUMN starts_from jsonb;
ALTER TABLE projects ADD COLUMN starts_from jsonb, ADD COLUMN followed_by jsonb;
ALTER TABLE runs ADD COLUMN starts_from_run_id integer REFERENCES runs ON DELETE SET NULL;
CREATE INDEX runs_starts_from ON runs (starts_from_run_id) WHERE starts_from_run_id IS NOT NULL;
CREATE INDEX runs_kept_starts ON runs ((spec->'start'->>'sha256')) WHERE tidied_at IS NULL AND spec ? 'start';
`;
