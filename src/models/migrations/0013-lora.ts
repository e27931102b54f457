/** Adapters on a base as it is, and a default of the learning rate for each training type unless somebody sets one for all. */
export const name = '0013-lora';

const TYPES = `IN ('lora', 'qlora', 'rag', 'standard')`;

export const sql = `
ALTER TABLE jobs
  DROP CONSTRAINT jobs_training_type_check,
  ADD CONSTRAINT jobs_training_type_check CHECK (training_type ${TYPES});
ALTER TABLE projects
  DROP CONSTRAINT projects_training_type_check,
  ADD CONSTRAINT projects_training_type_check CHECK (training_type ${TYPES});
ALTER TABLE training_config
  DROP CONSTRAINT training_config_default_training_type_check,
  ADD CONSTRAINT training_config_default_training_type_check CHECK (default_training_type ${TYPES}),
  ADD COLUMN learning_rate_is_chosen boolean NOT NULL DEFAULT false;
-- Nobody chose what the first migration put there.
UPDATE training_config SET learning_rate_is_chosen = true WHERE default_learning_rate <> 0.0002;
`;
