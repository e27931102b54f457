/** Exports that are not a file here: a model that is pushed to a repository of a hub. */
export const name = '0027-pushed-exports';

export const sql = `
ALTER TABLE exports
  ALTER COLUMN quantization DROP NOT NULL,
  -- Of a push: to which branch of which repository, and whether that is private where it is made.
  ADD COLUMN repository text,
  ADD COLUMN revision text,
  ADD COLUMN private boolean,
  -- Of a completed push: url, commit, and the paths that were sent and removed.
  ADD COLUMN pushed jsonb,
  DROP CONSTRAINT exports_run_id_format_quantization_key;
-- Two requests for the same are one export.
CREATE UNIQUE INDEX exports_wanted ON exports
  (run_id, format, coalesce(quantization, ''), coalesce(repository, ''), coalesce(revision, ''), coalesce(private, true));
`;
