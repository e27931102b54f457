import { DatabaseError } from 'sequelize';

/** PostgreSQL's five characters for what went wrong (manual, "PostgreSQL Error Codes"); '' for an error of another kind. */
export function sqlStateOf(error: unknown): string {
  return error instanceof DatabaseError && 'code' in error.parent ? String(error.parent.code) : '';
}
