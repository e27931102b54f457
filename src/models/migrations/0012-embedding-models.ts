/** The model that makes the index of a rag run, where another one answers from it. */
export const name = '0012-embedding-models';

export const sql = `
ALTER TABLE jobs ADD COLUMN embedding_model varchar(255);
ALTER TABLE projects ADD COLUMN embedding_model varchar(255);
`;
