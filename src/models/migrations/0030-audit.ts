/** Who did what: a list to which rows are added alone; and by whom trainings were asked for. */
export const name = '0030-audit';

export const sql = `
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- To the millisecond, as answers and cursors write it.
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  -- As they were then: a key may be renamed, or gone.
  key_id integer,
  key_name text NOT NULL,
  role text,
  address varchar(64) NOT NULL,
  method varchar(8) NOT NULL,
  route varchar(255) NOT NULL,
  entity_kind varchar(64) NOT NULL,
  entity_id varchar(255),
  entity_name varchar(512),
  -- What was asked for, in words.
  changes varchar(2000) NOT NULL,
  request_id varchar(128) NOT NULL,
  -- NULL until the answer is known: it is under way, or the service ended before it was.
  status smallint,
  ended_at timestamptz(3),
  replayed boolean NOT NULL DEFAULT false,
  outcome varchar(8) NOT NULL GENERATED ALWAYS AS (
    CASE WHEN status IS NULL THEN 'unknown' WHEN status < 400 THEN 'done' WHEN status < 500 THEN 'refused' ELSE 'failed' END) STORED,
  CHECK ((status IS NULL) = (ended_at IS NULL))
);
-- The list is in this order, all of it or what one filter leaves.
CREATE INDEX audit_in_order ON audit (created_at, id);
CREATE INDEX audit_of_key ON audit (key_name, created_at, id);
CREATE INDEX audit_of_kind ON audit (entity_kind, created_at, id);
CREATE INDEX audit_of_entity ON audit (entity_kind, entity_id, created_at, id);
CREATE INDEX audit_of_outcome ON audit (outcome, created_at, id);

CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- The outcome is written once, with what a creation only then knows. Everything else stays as it was.
    IF OLD.status IS NULL AND NEW.status IS NOT NULL
      AND (OLD.entity_id IS NULL OR NEW.entity_id = OLD.entity_id) AND (OLD.entity_name IS NULL OR NEW.entity_name = OLD.entity_name)
      AND (NEW.id, NEW.created_at, NEW.address, NEW.method, NEW.route, NEW.entity_kind, NEW.changes, NEW.request_id)
        = (OLD.id, OLD.created_at, OLD.address, OLD.method, OLD.route, OLD.entity_kind, OLD.changes, OLD.request_id)
      AND (NEW.key_id, NEW.key_name, NEW.role) IS NOT DISTINCT FROM (OLD.key_id, OLD.key_name, OLD.role)
    THEN RETURN NEW; END IF;
  ELSIF TG_OP = 'DELETE' THEN
    -- The tidying says in its transaction how old what it removes is.
    IF OLD.created_at < nullif(current_setting('mtm.audit_removed_before', true), '')::timestamptz THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION 'Rows of audit are only added, and removed when they are as old as MTM_KEEP_AUDIT_DAYS says.';
END $$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

-- The name of the key that asked for it; NULL: from before, or of a service without keys.
ALTER TABLE jobs ADD COLUMN created_by text;
ALTER TABLE projects ADD COLUMN created_by text;
ALTER TABLE sweeps ADD COLUMN created_by text;
`;
