/** What finished runs were computed to take and were measured to, by which later ones are estimated; and what memory hosts have. */
export const name = '0019-estimates';

export const sql = `
ALTER TABLE hosts ADD COLUMN memory jsonb;
CREATE TABLE run_measurements (
  -- No reference: what a run has shown stays true when it is deleted.
  run_id integer PRIMARY KEY,
  device_kind text NOT NULL CHECK (device_kind IN ('cpu', 'cuda')),
  device_name text NOT NULL,
  threads integer NOT NULL,
  model text NOT NULL,
  model_type text NOT NULL,
  parameters bigint NOT NULL,
  training_type text NOT NULL,
  weight_bytes integer NOT NULL,
  activation_checkpointing boolean NOT NULL,
  batch_size integer NOT NULL,
  longest_tokens integer NOT NULL,
  trainable_parameters bigint NOT NULL,
  steps integer NOT NULL,
  tokens bigint NOT NULL,
  computed jsonb NOT NULL,
  measured jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON run_measurements (device_kind, model_type, run_id DESC);
`;
