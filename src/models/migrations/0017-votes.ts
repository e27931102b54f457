/** Which of two answers somebody found better, kept with a run. */
export const name = '0017-votes';

export const sql = `
CREATE TABLE votes (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  left_model text NOT NULL,
  right_model text NOT NULL,
  better text NOT NULL CHECK (better IN ('left', 'right', 'same')),
  blind boolean NOT NULL,
  -- Not jsonb: a model may say characters that PostgreSQL's texts cannot hold.
  said json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (left_model <> right_model)
);
CREATE INDEX ON votes (run_id, id);
`;
