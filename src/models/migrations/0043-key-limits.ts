/** How many runs of a key may wait or be under way at a time, and which key a run counts for. */
export const name = '0043-key-limits';

export const sql = `
ALTER TABLE api_keys ADD COLUMN max_open_runs integer CHECK (max_open_runs >= 1);
ALTER TABLE runs ADD COLUMN key_id integer;
UPDATE runs SET key_id = api_keys.id
FROM api_keys
WHERE runs.status IN ('pending', 'queued', 'running') AND api_keys.revoked_at IS NULL
  AND api_keys.name = coalesce(
    (SELECT created_by FROM jobs WHERE jobs.id = runs.job_id),
    (SELECT created_by FROM projects WHERE projects.id = runs.project_id));
CREATE INDEX runs_open_of_key ON runs (key_id) WHERE key_id IS NOT NULL AND status IN ('pending', 'queued', 'running');
`;
