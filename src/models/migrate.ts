import { QueryTypes } from 'sequelize';
import { Umzug } from 'umzug';
import { sequelizeFor } from '../platform/postgres/sequelize.ts';
import { VERSION } from '../platform/version.ts';
import { name as SCHEMA_VERSIONS } from './migrations/0040-schema-versions.ts';
import { MIGRATIONS } from './migrations.ts';
import { requireNoLaterSchema } from './schema.ts';

/** Any constant will do, as long as no other program uses it on this database. */
export const MIGRATION_LOCK = 7_104_220_519;

/**
 * Brings the database's schema up to date. Several processes may call it at once: an advisory lock lets one at a time
 * through, and each migration runs with the note that it ran in one transaction.
 * @param to the last migration to apply; without it all are
 * @returns the names of those that it applied
 * @throws UserError, before anything is changed, where a later version has migrated it; Error of the database when it cannot be reached or a
 * migration fails (nothing of that migration remains).
 */
export async function migrate(databaseUrl: string, to?: string): Promise<string[]> {
  // One connection: the session that holds the advisory lock must be the one that migrates.
  const sequelize = sequelizeFor(databaseUrl, { pool: { max: 1, idle: 60_000 } });
  try {
    await sequelize.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    await requireNoLaterSchema(sequelize);
    await sequelize.query(
      'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const umzug = new Umzug({
      migrations: MIGRATIONS.map(({ name, sql }) => ({
        name,
        up: async () => {
          const note =
            name < SCHEMA_VERSIONS
              ? `INSERT INTO migrations (name) VALUES (${sequelize.escape(name)})`
              : `INSERT INTO migrations (name, version) VALUES (${sequelize.escape(name)}, ${sequelize.escape(VERSION)})`;
          await sequelize.query(`BEGIN; ${sql}; ${note}; COMMIT`);
        },
      })),
      // The note is written by the migration's own transaction, so there is nothing to log afterwards.
      storage: {
        logMigration: async () => {},
        unlogMigration: async () => {},
        executed: async () => {
          const rows = await sequelize.query<{ name: string }>('SELECT name FROM migrations ORDER BY name', {
            type: QueryTypes.SELECT,
          });
          return rows.map((row) => row.name);
        },
      },
      logger: undefined,
    });
    // Umzug looks for it among those that are left.
    if (to !== undefined && (await umzug.executed()).some((migration) => migration.name === to)) return [];
    const applied = await umzug.up(to === undefined ? {} : { to });
    return applied.map((migration) => migration.name);
  } finally {
    await sequelize.close();
  }
}
