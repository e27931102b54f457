/** A model of a fine-tuning job that a client of OpenAI has deleted: its name stands for nothing any more. */
export const name = '0018-deleted-models';

export const sql = `
ALTER TABLE openai_jobs ADD COLUMN model_deleted_at timestamptz;
`;
