/** Files as they were uploaded may go once their rows are Parquet: by which policy one went, or why it stays after all. */
export const name = '0046-removed-originals';

export const sql = `
ALTER TABLE datasets
  ADD COLUMN original_removed_because text,
  ADD COLUMN original_kept_because text;
CREATE INDEX datasets_with_originals ON datasets (created_at, id) WHERE original_removed_because IS NULL;
`;
