/** Models that are fetched from a hub. */
export const name = '0020-model-downloads';

export const sql = `
CREATE TABLE model_downloads (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Names its folder of what is fetched: services with other databases may share a cache.
  key uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  revision text NOT NULL,
  -- Of the revision, once the hub has said it: a branch may move while a model comes in.
  commit varchar(64),
  host varchar(63) NOT NULL,
  status varchar(16) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  pause_cause varchar(16) CHECK (pause_cause IN ('asked', 'full_disk')),
  bytes_total bigint,
  bytes_done bigint NOT NULL DEFAULT 0,
  files_total integer,
  files_done integer NOT NULL DEFAULT 0,
  license text,
  waiting_for text,
  waiting_attempts integer NOT NULL DEFAULT 0,
  -- How much was there at the last attempt that failed: one that has got further has not failed again.
  waiting_bytes bigint,
  error_message text,
  workflow_started_at timestamptz,
  -- When what a cancelled one had fetched was removed.
  cleaned_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CHECK ((status = 'paused') = (pause_cause IS NOT NULL))
);
-- Two requests for one model are one download.
CREATE UNIQUE INDEX model_downloads_open ON model_downloads (name, revision, host) WHERE status IN ('pending', 'running', 'paused');
CREATE INDEX ON model_downloads (name, id);
-- The look for those that need their host comes every second.
CREATE INDEX model_downloads_to_do ON model_downloads (id) WHERE status IN ('pending', 'running', 'paused') OR (status = 'cancelled' AND cleaned_at IS NULL);
`;
