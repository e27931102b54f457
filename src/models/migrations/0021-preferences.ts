/** Trainings that learn from pairs of answers, and what a step tells of them. */
export const name = '0021-preferences';

const TYPES = `IN ('dpo', 'lora', 'qlora', 'rag', 'standard')`;

export const sql = `
ALTER TABLE jobs
  DROP CONSTRAINT jobs_training_type_check,
  ADD CONSTRAINT jobs_training_type_check CHECK (training_type ${TYPES});
ALTER TABLE projects
  DROP CONSTRAINT projects_training_type_check,
  ADD CONSTRAINT projects_training_type_check CHECK (training_type ${TYPES});
ALTER TABLE training_config
  DROP CONSTRAINT training_config_default_training_type_check,
  ADD CONSTRAINT training_config_default_training_type_check CHECK (default_training_type ${TYPES});
ALTER TABLE run_metrics
  ADD COLUMN reward_margin double precision,
  ADD COLUMN reward_accuracy double precision;
`;
