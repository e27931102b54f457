import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { MIGRATION_LOCK } from '../../models/migrate.ts';
import type { RunStatus } from '../../models/runs/statuses.ts';
import type { BackedUpTable, Manifest, Stored } from './manifest.ts';

/** Of a run, what says which files it has. */
export interface RunOfBackup {
  id: number;
  workflow_id: string;
  status: RunStatus;
  spec: { output_directory: string };
  base_model: string;
  output_path: string | null;
  /** Of the newest checkpoint that the database knows to be complete. */
  known_step: number | null;
  /** Of the newest one that the store has, where hosts have no common folder. */
  stored_step: number | null;
}

/** What the database was at one moment, and which files its rows name. */
export interface Snapshot extends Pick<Manifest, 'made_at' | 'schema' | 'tables' | 'sequences'> {
  /** file_path null: a policy removed it. */
  datasets: { id: number; file_path: string | null; parquet_path: string }[];
  openAiFiles: { id: string; path: string }[];
  openAiParts: { id: string; path: string }[];
  runs: RunOfBackup[];
  exports: { id: number; run_id: number; files: { path: string }[] }[];
}

/** Whether no policy removed the file that a dataset was uploaded as, as SQL; a database of an earlier version has no such column. */
export const hasOriginal = (dataset: string) => `(to_jsonb(${dataset}) ->> 'original_removed_because') IS NULL`;

/** Tables that a restore makes by itself. */
const MIGRATIONS = 'migrations';

/**
 * Reads all of the database as it is at one moment, while others go on writing: one transaction that sees no later commit and
 * writes nothing, so that nobody waits for it. Each table is handed on as it comes, however big it is.
 * @param store takes the rows of a table, compressed
 * @throws what the database fails with, or `store`
 */
export async function takeSnapshot(
  databaseUrl: string,
  store: (name: string, rows: Readable) => Promise<Stored>,
): Promise<Snapshot> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // A server that goes away fails the statement that is under way.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
    // Before the moment is chosen: a migration that ends in between would leave a table without its new column.
    await client.query('SELECT pg_advisory_lock_shared($1)', [MIGRATION_LOCK]);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const rowsOf = async <Row extends object>(sql: string) => (await client.query<Row>(sql)).rows;
    const [moment] = await rowsOf<{ now: Date }>('SELECT now()');
    const schema = await rowsOf<{ name: string }>(`SELECT name FROM ${MIGRATIONS} ORDER BY name`);
    const tables: BackedUpTable[] = [];
    for (const { name, columns } of await tablesOf(client)) {
      const copy = client.query(copyTo(`COPY ${pg.escapeIdentifier(name)} (${listOf(columns)}) TO STDOUT`));
      // The least effort: a table of figures is a fifth of its size with it.
      const gzip = createGzip({ level: 1 });
      const [stored] = await Promise.all([store(name, gzip), pipeline(copy, gzip)]);
      tables.push({ name, columns, rows: Number(copy.rowCount), stored });
    }
    const snapshot = {
      made_at: (moment?.now ?? new Date()).toISOString(),
      schema: schema.map(({ name }) => name),
      tables,
      sequences: await sequencesOf(client),
      datasets: await rowsOf<Snapshot['datasets'][0]>(
        `SELECT id, CASE WHEN ${hasOriginal('datasets')} THEN file_path END AS file_path, parquet_path FROM datasets ORDER BY id`,
      ),
      openAiFiles: await rowsOf<Snapshot['openAiFiles'][0]>(
        `SELECT id, path FROM openai_files WHERE dataset_id IS NULL
           OR dataset_id IN (SELECT id FROM datasets WHERE ${hasOriginal('datasets')}) ORDER BY id`,
      ),
      openAiParts: await rowsOf<Snapshot['openAiParts'][0]>(
        `SELECT p.id, p.path FROM openai_upload_parts AS p JOIN openai_uploads AS u ON u.id = p.upload_id
         WHERE u.status = 'pending' ORDER BY p.id`,
      ),
      runs: await rowsOf<RunOfBackup>(
        `SELECT id, workflow_id, status, jsonb_build_object('output_directory', spec->>'output_directory') AS spec,
           spec->>'base_model' AS base_model, output_path,
           -- Schemas of before pins, or of before stores, do not have their columns.
           (SELECT max(step) FROM checkpoints AS one WHERE run_id = runs.id AND state = 'complete'
              AND path IS DISTINCT FROM to_jsonb(one)->>'kept_path') AS known_step,
           (SELECT max(step) FROM checkpoints AS one WHERE run_id = runs.id AND state = 'complete'
              AND path IS DISTINCT FROM to_jsonb(one)->>'kept_path' AND to_jsonb(one)->>'stored_at' IS NOT NULL) AS stored_step
         FROM runs ORDER BY id`,
      ),
      exports: await rowsOf<Snapshot['exports'][0]>(
        `SELECT id, run_id, files FROM exports WHERE status = 'completed' AND format <> 'hub' ORDER BY id`,
      ),
    };
    await client.query('COMMIT');
    return snapshot;
  } finally {
    await client.end();
  }
}

/**
 * All tables but the list of migrations, with their columns. Left out is what a database computes by itself, and the numbers of its
 * transactions: another server counts its own, and would take entries of a higher number for such that are not committed yet
 * (src/models/runs/run-stream.ts). There they get the number of the restore, and keep their order by `seq`.
 */
export async function tablesOf(client: pg.Client): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> '${MIGRATIONS}'
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.atttypid <> 'xid8'::regtype
     GROUP BY c.relname ORDER BY c.relname`,
  );
  return rows;
}

async function sequencesOf(client: pg.Client): Promise<Manifest['sequences']> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S' ORDER BY relname`,
  );
  const found: Manifest['sequences'] = [];
  for (const { name } of rows) {
    const at = await client.query<{ last_value: string; is_called: boolean }>(
      `SELECT last_value::text, is_called FROM ${pg.escapeIdentifier(name)}`,
    );
    for (const row of at.rows) found.push({ name, ...row });
  }
  return found;
}

/** Columns as SQL lists them. */
export function listOf(columns: string[]): string {
  return columns.map((column) => pg.escapeIdentifier(column)).join(', ');
}
