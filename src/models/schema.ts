import { QueryTypes, type Sequelize } from 'sequelize';
import { UserError } from '../platform/failure.ts';
import { isDatabaseAway } from '../platform/postgres/database-away.ts';
import { sequelizeFor } from '../platform/postgres/sequelize.ts';
import { VERSION } from '../platform/version.ts';
import { MIGRATION_NAMES } from './migrations.ts';

const LOOK_EVERY_MS = 5_000;
/** Of PostgreSQL. */
const NO_SUCH_TABLE = '42P01';

/** A migration that a database has, and which version applied it; null: one that did not say. */
export interface Applied {
  name: string;
  version: string | null;
  applied_at: Date;
}

/** Oldest first; none of a database without a schema. @throws Error of the database when it is away */
export async function appliedMigrations(sequelize: Sequelize): Promise<Applied[]> {
  try {
    return await sequelize.query<Applied>(
      // By way of JSON, since schemas before 0040 have no such column.
      `SELECT name, to_jsonb(migrations) ->> 'version' AS version, applied_at FROM migrations ORDER BY name`,
      { type: QueryTypes.SELECT },
    );
  } catch (error) {
    const { parent } = error as { parent?: { code?: string } };
    if (parent?.code === NO_SUCH_TABLE) return [];
    throw error;
  }
}

/** The sentence about a database that a later version has migrated; null where this one knows all of it. */
export function laterSchema(applied: Applied[]): string | null {
  const unknown = applied.filter(({ name }) => !MIGRATION_NAMES.includes(name));
  const last = unknown.at(-1);
  if (!last) return null;
  const wrote =
    last.version === VERSION ? `a later build of version ${VERSION}` : `version ${last.version ?? 'unknown'}`;
  return `The database has the schema ${last.name}, which ${wrote} wrote at ${last.applied_at.toISOString()}; this is version ${VERSION}, whose schema is ${MIGRATION_NAMES.at(-1)}. Nothing was changed. Start ${wrote} or a later one, or restore the backup that was made before the upgrade with \`mtm restore\`.`;
}

/** @throws UserError where a later version has migrated the database */
export async function requireNoLaterSchema(sequelize: Sequelize): Promise<void> {
  const sentence = laterSchema(await appliedMigrations(sequelize));
  if (sentence !== null) throw new UserError(sentence);
}

/** What `mtm doctor` says of a database. @throws UserError where a later version has migrated it */
export async function schemaAt(databaseUrl: string): Promise<string> {
  const sequelize = sequelizeFor(databaseUrl, { pool: { max: 1 } });
  try {
    const applied = await appliedMigrations(sequelize);
    const later = laterSchema(applied);
    if (later !== null) throw new UserError(later);
    const [has, needs] = [applied.at(-1)?.name, MIGRATION_NAMES.at(-1)];
    if (has === undefined) return 'the start makes its schema';
    return has === needs ? `schema ${has}` : `schema ${has}, which the start brings to ${needs}`;
  } finally {
    await sequelize.close();
  }
}

/**
 * Keeps a process from working with a schema that is not its own: it does not begin then, and ends, as on SIGTERM, when another version
 * migrates the database beside it. One that begins while the database is away looks when that is there again.
 * @throws UserError
 */
export async function keepToSchema(sequelize: Sequelize, say: (sentence: string) => void): Promise<void> {
  try {
    const applied = await appliedMigrations(sequelize);
    const later = laterSchema(applied);
    if (later !== null) throw new UserError(later);
    const missing = MIGRATION_NAMES.filter((name) => !applied.some((each) => each.name === name));
    if (missing.length > 0)
      throw new UserError(
        `The database has the schema ${applied.at(-1)?.name ?? 'of no version'}, and version ${VERSION} needs ${missing.at(-1)}. Make a backup, then run \`mtm migrate\`.`,
      );
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
  }
  const timer = setInterval(() => {
    void appliedMigrations(sequelize)
      .then((applied) => {
        const later = laterSchema(applied);
        if (later === null) return;
        clearInterval(timer);
        say(`${later} This process ends.`);
        process.kill(process.pid, 'SIGTERM');
      })
      // One that is away now answers the next time.
      .catch(() => {});
  }, LOOK_EVERY_MS);
  timer.unref();
}
