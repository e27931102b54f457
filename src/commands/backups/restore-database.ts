import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { migrate } from '../../models/migrate.ts';
import { MIGRATION_NAMES } from '../../models/migrations.ts';
import { UserError } from '../../platform/failure.ts';
import type { BackupReader, Manifest } from './manifest.ts';
import type { Move } from './places.ts';
import { listOf, tablesOf } from './snapshot.ts';

/** So many ids at most were given out after a backup: what is on a disk tells how many (src/runs/ids-on-disk.ts), and that disk is not here. */
const IDS_AFTER = 10_000n;

/** Of a database that was just made: these have their one row from the beginning. */
const MADE_WITH_ONE_ROW = ['training_config', 'event_counts_place'];

/** @throws UserError where this version does not know all of the schema */
export function requireKnownSchema({ schema, version }: Manifest): void {
  const known = new Set<string>(MIGRATION_NAMES);
  const unknown = schema.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new UserError(
      `The backup is of version ${version}, whose database has what this version does not know (${unknown.join(', ')}). Restore it with version ${version} or a later one.`,
    );
}

/** What a database has: nothing that anybody made, all of a backup, or something else. */
export async function stateOfDatabase(
  databaseUrl: string,
  manifest: Manifest,
): Promise<'empty' | 'restored' | 'other'> {
  return await connected(databaseUrl, async (client) => {
    const counts = new Map<string, number>();
    for (const { name } of await tablesOf(client)) {
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${pg.escapeIdentifier(name)}`);
      counts.set(name, Number(rows[0]?.count));
    }
    if ([...counts].every(([name, rows]) => rows === 0 || (MADE_WITH_ONE_ROW.includes(name) && rows === 1)))
      return 'empty';
    return manifest.tables.every(({ name, rows }) => counts.get(name) === rows) ? 'restored' : 'other';
  });
}

/**
 * Fills an empty database: with the schema that the backup has, then with its rows, in one transaction, and then with what later versions
 * added. Whoever is killed in between leaves a database without a row.
 * @throws UserError where it is not what the backup says
 */
export async function restoreDatabase({
  databaseUrl,
  backup,
  moves,
  idsAreUsed,
}: {
  databaseUrl: string;
  backup: BackupReader;
  moves: Move[];
  /** A Temporal knows workflows of what was made after the backup: their ids must not be given out again. */
  idsAreUsed: boolean;
}): Promise<void> {
  const { manifest } = backup;
  await migrate(databaseUrl, manifest.schema.at(-1));
  await connected(databaseUrl, async (client) => {
    await client.query('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
    await client.query('BEGIN');
    // What later versions change of rows, as they are migrated, would not be done to those that come after.
    const { rows: applied } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY name');
    const later = applied.filter(({ name }) => !manifest.schema.includes(name));
    if (later.length > 0)
      throw new UserError(
        `The database has the schema of a later version than the backup already (${later.map(({ name }) => name).join(', ')}). Make a new database, with no tables, and name it with DATABASE_URL.`,
      );
    const there = (await tablesOf(client)).map(({ name }) => name);
    const unknown = manifest.tables.filter(({ name }) => !there.includes(name));
    if (unknown.length > 0)
      throw new UserError(
        `The backup has tables that its schema has not: ${unknown.map(({ name }) => name).join(', ')}.`,
      );
    await client.query(`LOCK TABLE ${listOf(there)} IN ACCESS EXCLUSIVE MODE`);
    // References are checked as a whole at the end: jobs name runs, and runs jobs.
    const putBack = await takeReferencesAway(client);
    for (const name of there) await client.query(`ALTER TABLE ${pg.escapeIdentifier(name)} DISABLE TRIGGER USER`);
    for (const name of MADE_WITH_ONE_ROW.filter((each) => there.includes(each)))
      await client.query(`DELETE FROM ${pg.escapeIdentifier(name)}`);
    for (const { name, columns, rows, stored } of manifest.tables) {
      const copy = client.query(copyFrom(`COPY ${pg.escapeIdentifier(name)} (${listOf(columns)}) FROM STDIN`));
      await pipeline(backup.read(stored), createGunzip(), copy);
      if (Number(copy.rowCount) !== rows)
        throw new UserError(
          `The backup has ${rows} rows of ${name}, and ${copy.rowCount} came back. Nothing was restored.`,
        );
    }
    await moveAll(client, moves);
    for (const { name, last_value, is_called } of manifest.sequences) {
      const last = BigInt(last_value) + (idsAreUsed ? IDS_AFTER : 0n);
      await client.query('SELECT setval($1::regclass, $2::bigint, $3)', [
        pg.escapeIdentifier(name),
        String(last),
        is_called,
      ]);
    }
    for (const name of there) await client.query(`ALTER TABLE ${pg.escapeIdentifier(name)} ENABLE TRIGGER USER`);
    await putBack();
    await client.query('COMMIT');
    await client.query('ANALYZE');
  });
  await migrate(databaseUrl);
}

/** What is not true on this machine: done again where it was done before. */
export async function settleRows(databaseUrl: string, oldHost: string, hostName: string): Promise<void> {
  await connected(databaseUrl, async (client) => {
    await client.query('BEGIN');
    // No holder of a lease came along.
    await client.query('UPDATE runs SET lease_expires_at = now() WHERE lease_expires_at > now()');
    // Checkpoints of published runs are not in a backup, but those that were pinned: as after the time for which they are kept.
    await client.query(
      `UPDATE checkpoints SET state = CASE WHEN kept_path IS NULL THEN 'pruned' ELSE state END, path = coalesce(kept_path, path)
       WHERE state = 'complete' AND run_id IN (SELECT id FROM runs WHERE status = 'completed')`,
    );
    await client.query(`UPDATE runs SET tidied_at = now() WHERE status = 'completed' AND tidied_at IS NULL`);
    // Nor did a process: one that has its pid here is another's, whose agent would take it for the worker.
    await client.query('UPDATE workers SET pid = NULL, pid_started = NULL, current_run_id = NULL');
    // Where this service is to back itself up, and that it never did, its settings and its orchestrator say.
    await client.query('DELETE FROM backup_schedule');
    // This machine is the one that the backup was made on: its workers start here. Others may come back by themselves.
    const { rowCount } = await client.query('SELECT 1 FROM hosts WHERE name = $1', [hostName]);
    if (rowCount === 0) {
      await client.query('UPDATE hosts SET name = $1 WHERE name = $2', [hostName, oldHost]);
      for (const table of ['workers', 'model_downloads'])
        await client.query(`UPDATE ${table} SET host = $1 WHERE host = $2`, [hostName, oldHost]);
    }
    await client.query('COMMIT');
  });
}

/** Drops the references between tables. @returns what adds them again, which looks at every row */
async function takeReferencesAway(client: pg.Client): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ name: string; of: string; what: string }>(
    `SELECT quote_ident(conname) AS name, conrelid::regclass::text AS of, pg_get_constraintdef(oid) AS what FROM pg_constraint
     WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY conrelid::regclass::text, conname`,
  );
  for (const { name, of } of rows) await client.query(`ALTER TABLE ${of} DROP CONSTRAINT ${name}`);
  return async () => {
    for (const { name, of, what } of rows) await client.query(`ALTER TABLE ${of} ADD CONSTRAINT ${name} ${what}`);
  };
}

/** Each path goes once: by a name in between, since one place may lie below where another was. */
async function moveAll(client: pg.Client, moves: Move[]): Promise<void> {
  if (moves.every(({ from, to }) => from === to)) return;
  const between = moves.map(() => `/.restored-${randomUUID()}`);
  for (const [index, { from }] of moves.entries()) await movePaths(client, from, between[index] ?? from);
  for (const [index, { to }] of moves.entries()) await movePaths(client, between[index] ?? to, to);
}

/**
 * Every text, and every string in JSON, that is a path at or below `from`. By the values and not by a list of columns, which the next column
 * would not be in. What sentences say of earlier places stays.
 */
async function movePaths(client: pg.Client, from: string, to: string): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string; type: string }>(
    `SELECT quote_ident(table_name) AS table, quote_ident(column_name) AS column, data_type AS type FROM information_schema.columns
     WHERE table_schema = current_schema() AND data_type IN ('text', 'character varying', 'jsonb') AND is_generated = 'NEVER'`,
  );
  for (const { table, column, type } of rows) {
    if (type === 'jsonb') {
      const [old, now] = [from, to].map((path) => JSON.stringify(path).slice(0, -1)) as [string, string];
      const change = [
        `replace(${column}::text, $1::text || '/', $2::text || '/')`,
        `$1::text || '"'`,
        `$2::text || '"'`,
      ].join(', ');
      await client.query(
        `UPDATE ${table} SET ${column} = replace(${change})::jsonb WHERE strpos(${column}::text, $1) > 0`,
        [old, now],
      );
    } else
      await client.query(
        `UPDATE ${table} SET ${column} = $2::text || substr(${column}, length($1::text) + 1) WHERE ${column} = $1::text OR starts_with(${column}, $1::text || '/')`,
        [from, to],
      );
  }
}

async function connected<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // A server that goes away fails the statement that is under way.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
