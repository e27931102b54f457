/** Fine-tuning jobs of OpenAI's clients that learn preferences. */
export const name = '0026-openai-methods';

export const sql = `
ALTER TABLE openai_jobs
  ADD COLUMN method text NOT NULL DEFAULT 'supervised' CHECK (method IN ('dpo', 'supervised'));
ALTER TABLE openai_jobs ALTER COLUMN method DROP DEFAULT;
`;
