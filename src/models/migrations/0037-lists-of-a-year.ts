/** What lists, the pool and the policies ask for, found without a whole table being read, however much has come together. */
export const name = '0037-lists-of-a-year';

export const sql = `
CREATE INDEX jobs_by_name ON jobs (name, id);
CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX projects_by_name ON projects (name, id);
CREATE INDEX projects_by_age ON projects (created_at, id);
CREATE INDEX datasets_by_name ON datasets (name, id);
CREATE INDEX datasets_by_age ON datasets (created_at, id);
CREATE INDEX runs_by_age ON runs (created_at, id);
CREATE INDEX runs_by_end ON runs (finished_at, id);
-- Those that have not ended come last in both directions.
CREATE INDEX runs_by_end_latest_first ON runs (finished_at DESC NULLS LAST, id DESC);
CREATE INDEX runs_of_status ON runs (status, id);
-- Rows of workers stay when they end. What the pool was asked for last, who died, and who is forgotten:
CREATE INDEX workers_asked ON workers (asked, asked_at) WHERE lost_at IS NULL;
CREATE INDEX workers_died ON workers (coalesce(lost_at, stopped_at) DESC, id) WHERE status = 'error';
CREATE INDEX workers_died_lately ON workers (greatest(lost_at, stopped_at)) WHERE status = 'error';
CREATE INDEX workers_to_forget ON workers (stopped_at) WHERE desired = 'stopped' AND pid IS NULL;
`;
