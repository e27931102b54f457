import { DatabaseError } from 'sequelize';

/** PostgreSQL's five characters for what went wrong (manual, "PostgreSQL Error Codes"); '' for an error of another kind. */
export function sqlStateOf(error: unknown): string {
  return error instanceof DatabaseError && 'code' in error.parent ? String(error.parent.code) : '';
}

/** PostgreSQL has done nothing of a statement because of a value in it: one that does not fit (class 22), or breaks a constraint (class 23). */
export function isRefused(error: unknown): boolean {
  return /^2[23]/.test(sqlStateOf(error));
}
