/** Which claim of its run did a step: what a later claim did again, and could not report, takes the place of it. */
export const name = '0005-claims-of-steps';

export const sql = `
-- 0: written before this was kept.
ALTER TABLE run_metrics ADD COLUMN lease_epoch integer NOT NULL DEFAULT 0;
`;
