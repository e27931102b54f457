/** Files that OpenAI's clients send in parts. */
export const name = '0015-openai-uploads';

export const sql = `
CREATE TABLE openai_uploads (
  id text PRIMARY KEY,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
  bytes bigint NOT NULL,
  filename text NOT NULL,
  purpose text NOT NULL,
  -- Of the file, from when it is there.
  expires_after_s integer,
  file_id text UNIQUE REFERENCES openai_files (id) ON DELETE CASCADE,
  -- Of the request that completed it: one that a client sends again is known by it.
  fingerprint char(64),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  -- Its parts are being put together: it does not expire before.
  completing_until timestamptz,
  CHECK ((status = 'completed') = (file_id IS NOT NULL AND fingerprint IS NOT NULL))
);
CREATE INDEX ON openai_uploads (expires_at);

CREATE TABLE openai_upload_parts (
  id text PRIMARY KEY,
  upload_id text NOT NULL REFERENCES openai_uploads (id) ON DELETE CASCADE,
  bytes bigint NOT NULL,
  path text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON openai_upload_parts (upload_id);
`;
