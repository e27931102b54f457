import { ConnectionError, DatabaseError } from 'sequelize';
import { sqlStateOf } from './sql-state.ts';

/**
 * Errors of pg itself have no code: these are what it says when its connection ends under a query, or when the server does not
 * even say that a statement took too long (see STATEMENT_TIMEOUT_MS).
 */
const ENDED = /Connection terminated|not queryable|Query read timeout|ECONNRESET|EPIPE/;

/**
 * True when PostgreSQL could not be reached, or went away under a query: the same again later may succeed. Its codes:
 * class 08 (connection), 57P01 to 57P03 (shutting down, crashed, starting up).
 */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  return /^(08|57P0[1-3])/.test(sqlStateOf(error)) || (error instanceof DatabaseError && ENDED.test(error.message));
}
