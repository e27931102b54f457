/** What OpenAI's clients ask for: files, of which those that can be trained on are datasets as well, and fine-tuning jobs. */
export const name = '0014-openai';

export const sql = `
CREATE TABLE openai_files (
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id text PRIMARY KEY,
  purpose text NOT NULL,
  filename text NOT NULL,
  bytes bigint NOT NULL,
  sha256 char(64) NOT NULL,
  path text NOT NULL,
  -- The dataset has the same bytes: without it there is no file.
  dataset_id integer UNIQUE REFERENCES datasets (id) ON DELETE CASCADE,
  checked jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX ON openai_files (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE openai_jobs (
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id text PRIMARY KEY,
  -- Null: its files could not be used, and error says why.
  job_id integer UNIQUE REFERENCES jobs (id) ON DELETE CASCADE,
  model text NOT NULL,
  training_file text NOT NULL,
  validation_file text,
  result_file text NOT NULL UNIQUE,
  result_written_at timestamptz,
  suffix text,
  seed integer NOT NULL,
  hyperparameters jsonb NOT NULL,
  metadata jsonb,
  error jsonb,
  -- Of the request: one that a client sends again is found by it.
  fingerprint char(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((job_id IS NULL) = (error IS NOT NULL))
);
CREATE INDEX ON openai_jobs (fingerprint);
CREATE INDEX ON openai_jobs USING gin (metadata jsonb_path_ops);

ALTER TABLE training_config ADD COLUMN model_aliases jsonb NOT NULL DEFAULT '{}';
`;
