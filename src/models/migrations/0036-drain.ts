/** Hosts and workers that take no run while somebody works on them: how they are emptied, and since when. */
export const name = '0036-drain';

export const sql = `
ALTER TABLE hosts ADD COLUMN drain text CHECK (drain IN ('finish', 'move')), ADD COLUMN drain_asked_at timestamptz;
ALTER TABLE workers ADD COLUMN drain text CHECK (drain IN ('finish', 'move')), ADD COLUMN drain_asked_at timestamptz;
`;
