/** Where hosts have no common folder: since when the store has a checkpoint, and which hosts have a folder of their own. */
export const name = '0052-stored-checkpoints';

export const sql = `
ALTER TABLE checkpoints ADD COLUMN stored_at timestamptz;
ALTER TABLE hosts ADD COLUMN is_apart boolean NOT NULL DEFAULT false;
`;
