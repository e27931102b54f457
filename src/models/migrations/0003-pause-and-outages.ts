/** What a pause, and writing again after an outage, need. */
export const name = '0003-pause-and-outages';

export const sql = `
-- Why the run is to hold no worker until it is resumed; null: it is to go on. Written by the run's workflow alone.
ALTER TABLE runs ADD COLUMN pause_reason text;

-- Which event of which claim this is. After an outage nobody knows whether the last one was written: it is written again.
ALTER TABLE run_events ADD COLUMN origin text;
CREATE UNIQUE INDEX run_events_origin ON run_events (run_id, origin);
`;
