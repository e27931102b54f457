/** Which version of the service applied each migration; NULL: one from before this was noted. */
export const name = '0040-schema-versions';

export const sql = `
ALTER TABLE migrations ADD COLUMN version text;
`;
