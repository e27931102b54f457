/** What several hosts, their devices, and workers that wait for their next try need. */
export const name = '0004-pool';

export const sql = `
-- What a worker may train on: ["cpu"] for as many as are wanted, or one entry for each accelerator.
ALTER TABLE hosts ADD COLUMN devices jsonb NOT NULL DEFAULT '["cpu"]';

-- Given to a worker when its process starts; null: it waits for one.
ALTER TABLE workers ALTER COLUMN device TYPE varchar(64), ALTER COLUMN device DROP NOT NULL;
-- Since when its host has been away; null: it is there.
ALTER TABLE workers ADD COLUMN lost_at timestamptz;
-- Not to be started before: workers of this host ended soon after their start.
ALTER TABLE workers ADD COLUMN start_after timestamptz;

-- Two workers never share an accelerator.
CREATE UNIQUE INDEX workers_device ON workers (host, device) WHERE pid IS NOT NULL AND device <> 'cpu';
-- The look for runs that wait for a worker comes every second.
CREATE INDEX runs_to_train ON runs (status) WHERE status IN ('queued', 'running');
`;
