/** Which trace a run is a part of: its workflow is started by another process than that which was asked for it. */
export const name = '0042-run-traces';

export const sql = `
ALTER TABLE runs ADD COLUMN trace_parent text;
`;
