import type { Env } from '../env.ts';

/** @throws Error with the remedy, for a process that was started alone and has no database. */
export function requireDatabaseUrl(env: Env): string {
  if (env.databaseUrl) return env.databaseUrl;
  throw new Error(
    'DATABASE_URL is not set. Set it to a PostgreSQL, for example postgres://user:password@host:5432/mtm, or use `npm start`, which brings its own.',
  );
}
