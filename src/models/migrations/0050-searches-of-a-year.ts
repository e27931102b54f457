/**
 * What searches and OpenAI's list of models ask for, found by an index. A part of a text needs pg_trgm, which comes with PostgreSQL and which the
 * owner of a database may add. Where an outside server has it not, or refuses it, searches answer the same and read each name.
 */
export const name = '0050-searches-of-a-year';

export const sql = `
CREATE INDEX runs_completed_models ON runs (finished_at DESC, id DESC) WHERE status = 'completed' AND (spec#>>'{training_type}') <> 'rag';
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX jobs_parts ON jobs USING gin (name gin_trgm_ops, model_name gin_trgm_ops);
  CREATE INDEX projects_parts ON projects USING gin (name gin_trgm_ops, base_model gin_trgm_ops);
  CREATE INDEX datasets_parts ON datasets USING gin (name gin_trgm_ops, filename gin_trgm_ops);
EXCEPTION WHEN undefined_file OR undefined_object OR feature_not_supported OR insufficient_privilege THEN
  RAISE WARNING 'pg_trgm cannot be added (%): searches read every name.', SQLERRM;
END
$$;
`;
