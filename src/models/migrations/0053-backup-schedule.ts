/** Backups that the service makes by itself: at most one row, which says how they stand. Without one there are none. */
export const name = '0053-backup-schedule';

export const sql = `
CREATE TABLE backup_schedule (
  id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  directory text NOT NULL,
  every_hours integer NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  last_success_at timestamptz,
  failing_since timestamptz,
  failure text
);
`;
