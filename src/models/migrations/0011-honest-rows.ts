/** What of a dataset's rows training makes no use of, and the other mappings that fit them. */
export const name = '0011-honest-rows';

export const sql = `
ALTER TABLE datasets
  ADD COLUMN unused jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN alternatives jsonb NOT NULL DEFAULT '[]';
-- Profiles are made again: rows are read otherwise since then.
UPDATE datasets SET profile = NULL;
`;
