/** A dataset that the held-out rows of a job come from, in place of a part of those that it trains on. */
export const name = '0016-validation-dataset';

export const sql = `
ALTER TABLE jobs ADD COLUMN validation_dataset_id integer REFERENCES datasets ON DELETE RESTRICT
  CHECK (validation_dataset_id <> dataset_id);
CREATE INDEX jobs_validation_dataset ON jobs (validation_dataset_id) WHERE validation_dataset_id IS NOT NULL;
`;
