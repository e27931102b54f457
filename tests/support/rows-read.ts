import { QueryTypes } from 'sequelize';
import { connection } from '../../src/models/runs/run.ts';

interface Read {
  /** How often the whole table was read. */
  scans: number;
  /** Rows that were read, by an index or without. */
  rows: number;
}

/**
 * What `work` has the server read of a table, by the server's own counts. They are told when a session is idle: `work` is to ask
 * for one thing after another, so that there is one session, and nobody else may use the database.
 */
export async function rowsRead<T>(table: string, work: () => Promise<T>): Promise<{ result: T; read: Read }> {
  const before = await countsOf(table);
  const result = await work();
  const after = await countsOf(table);
  return { result, read: { scans: after.scans - before.scans, rows: after.rows - before.rows } };
}

async function countsOf(table: string): Promise<Read> {
  await connection().query('SELECT pg_stat_force_next_flush()');
  await connection().query('SELECT pg_stat_clear_snapshot()');
  const [found] = await connection().query<Read>(
    `SELECT seq_scan AS scans, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_user_tables WHERE relname = $table`,
    { bind: { table }, type: QueryTypes.SELECT },
  );
  if (!found) throw new Error(`There is no table ${table}.`);
  return found;
}
