/** What the pool was last asked about each worker, and when: from this is read how far a command is. */
export const name = '0010-pool-commands';

export const sql = `
-- Null: nobody asked; it took the place of another.
ALTER TABLE workers ADD COLUMN asked varchar(16) CHECK (asked IN ('start', 'stop', 'restart'));
-- Of all workers that one statement asks about it is the same.
ALTER TABLE workers ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();
`;
