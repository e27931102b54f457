/** What a dataset's file turned out to be, and how a project mixes: weights, filters, and what is done about a shortage. */
export const name = '0006-data-engine';

export const sql = `
ALTER TABLE datasets
  ADD COLUMN unusable jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN notes jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN source_sha256 char(64),
  ADD COLUMN profile jsonb;
ALTER TABLE projects ADD COLUMN mixing jsonb NOT NULL DEFAULT '{}';
ALTER TABLE project_traits ADD COLUMN weight_thousandths integer NOT NULL DEFAULT 1000 CHECK (weight_thousandths > 0);
ALTER TABLE trait_datasets ADD COLUMN filters jsonb NOT NULL DEFAULT '{}';
`;
