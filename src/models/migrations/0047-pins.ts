/** What of a run somebody pinned by itself: a checkpoint, of which the service has files of its own then, or an export. */
export const name = '0047-pins';

export const sql = `
ALTER TABLE checkpoints ADD COLUMN pinned boolean NOT NULL DEFAULT false;
-- Second names of its files, which its trainer does not know of and leaves alone; null: nobody has pinned it.
ALTER TABLE checkpoints ADD COLUMN kept_path text;
ALTER TABLE exports ADD COLUMN pinned boolean NOT NULL DEFAULT false;
CREATE INDEX checkpoints_pinned ON checkpoints (id) WHERE pinned;
CREATE INDEX exports_pinned ON exports (id) WHERE pinned;
CREATE INDEX runs_pinned ON runs (id) WHERE pinned;
`;
