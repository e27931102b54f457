/** Trained models as files for where models are used. */
export const name = '0022-exports';

export const sql = `
CREATE TABLE exports (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  format varchar(16) NOT NULL,
  quantization varchar(16) NOT NULL,
  status varchar(16) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed')),
  -- What is being done, and which part of that is: from 0 to 1.
  stage varchar(16),
  progress double precision,
  waiting_for text,
  waiting_attempts integer NOT NULL DEFAULT 0,
  error_message text,
  -- Of a completed one: path, bytes and sha256 of each.
  files jsonb,
  -- How it compares with the model that it was made from, also of one that failed for that.
  verification jsonb,
  -- Sentences about what the files cannot show of the model.
  warnings jsonb NOT NULL DEFAULT '[]',
  workflow_started_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CHECK ((status = 'completed') = (files IS NOT NULL)),
  -- Two requests for the same are one export.
  UNIQUE (run_id, format, quantization)
);
-- The look for those that are to be made comes every second.
CREATE INDEX exports_open ON exports (id) WHERE status IN ('pending', 'running');
`;
