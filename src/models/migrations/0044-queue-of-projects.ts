/** When the first run of a project is to begin, said before it is started. */
export const name = '0044-queue-of-projects';

export const sql = `
ALTER TABLE projects ADD COLUMN queue jsonb;
`;
