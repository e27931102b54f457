/** What a training takes of its machine, beside the other figures of a step. */
export const name = '0007-figures-of-steps';

export const sql = `
ALTER TABLE run_metrics
  ADD COLUMN memory_bytes bigint,
  ADD COLUMN device jsonb;
`;
